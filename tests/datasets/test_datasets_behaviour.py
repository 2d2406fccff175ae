from __future__ import annotations

import importlib

import pytest

from mvssl.errors import InputError


@pytest.fixture
def read(tmp_path):
    module = importlib.import_module("mvssl.datasets.behaviour")

    def run(text, name="export.csv", only=None):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return module.read_behaviour(path, only=only)

    return run


AGGREGATED = (
    "Observation id,Observation date,Description,Media file,Total length,FPS,Subject,Behavior,Behavioral category,"
    "Modifiers,Behavior type,Start (s),Stop (s),Duration (s),Comment start,Comment stop\n"
    'o1,2021-12-06,,"T:/My Videos/mouse 1.mp4",60.0,29.97,A,rear,,,STATE,4.500,6.250,1.750,,\n'
    'o1,2021-12-06,,"T:/My Videos/mouse 1.mp4",60.0,29.97,A,dig,,,STATE,1.000,4.500,3.500,,\n'
    'o1,2021-12-06,,"T:/My Videos/mouse 1.mp4",60.0,29.97,A,sniff,,,POINT,5.000,5.000,0,,\n'
)


def test_boris_aggregated_events_out_of_order_with_a_space_in_the_name(read):
    segments, points = read(AGGREGATED)
    assert segments == {"mouse 1.mp4": [(1.0, 4.5, "dig"), (4.5, 6.25, "rear")]}
    assert points == 1


def test_boris_subjects_that_overlap_have_to_be_chosen(read):
    both = AGGREGATED + 'o1,2021-12-06,,"T:/My Videos/mouse 1.mp4",60.0,29.97,B,rear,,,STATE,2.0,3.0,1.0,,\n'
    with pytest.raises(
        InputError, match=r"mouse 1\.mp4: 'dig' until 4\.500 s overlaps 'rear' from 2\.000 s; choose one of: A, B"
    ):
        read(both)
    assert read(both, only="B")[0] == {"mouse 1.mp4": [(2.0, 3.0, "rear")]}
    with pytest.raises(InputError, match="no 'C'; there are: A, B"):
        read(both, only="C")


TABULAR = (
    "Observation id\to1\n\nMedia file(s)\n\nPlayer #1\tvideos/mouse.avi\n\n"
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
    "1.5\tvideos/mouse.avi\t60\t25\t\tdig\t\t\tSTART\n"
    "2.0\tvideos/mouse.avi\t60\t25\t\tsniff\t\t\tPOINT\n"
    "3.25\tvideos/mouse.avi\t60\t25\t\tdig\t\t\tSTOP\n"
)


def test_boris_tabular_events_are_paired(read):
    segments, points = read(TABULAR, "export.tsv")
    assert segments == {"mouse.avi": [(1.5, 3.25, "dig")]}
    assert points == 1
    with pytest.raises(InputError, match="'dig' of '' is started and never stopped"):
        read(TABULAR.rsplit("3.25", 1)[0], "export.tsv")
    with pytest.raises(InputError, match="is STOP but was never started"):
        read(TABULAR.replace("\tSTART", "\tSTOP"), "export.tsv")
    with pytest.raises(InputError, match="row 10: times must be seconds"):
        read(TABULAR.replace("3.25", "0:03"), "export.tsv")


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/data/take 1.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="500"/>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1200"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/><TIME_SLOT TIME_SLOT_ID="ts4"/>
  </TIME_ORDER>
  <TIER TIER_ID="phase">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>up</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
      <ANNOTATION_VALUE>down</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER TIER_ID="notes">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="END">
      <ANNOTATION_VALUE>all of it</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""


def test_elan_tiers_and_the_origin_of_the_media(read):
    segments, _ = read(EAF.replace("END", "ts3"), "take.eaf", only="phase")
    assert segments == {"take 1.mp4": [(0.5, 1.7, "up"), (1.7, 2.5, "down")]}
    with pytest.raises(InputError, match="choose one of: notes, phase"):
        read(EAF.replace("END", "ts3"), "take.eaf")
    with pytest.raises(InputError, match="a3 of tier notes has no time"):
        read(EAF.replace("END", "ts4"), "take.eaf", only="phase")


VIA = (
    "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)\n"
    '# ATTRIBUTE = {"1":{"aname":"TEMPORAL-SEGMENTS","anchor_id":"FILE1_Z2_XY0","type":4,"desc":"","options":'
    '{"0":"walk","1":"run"},"default_option_id":""}}\n'
    "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata\n"
    '"1_yX","[""a b.mp4""]",0,"[4,6.5]","[]","{""1"":""1""}"\n'
    '"1_yY","[""a b.mp4""]",0,"[1.124,4]","[]","{""1"":""0""}"\n'
    '"1_yZ","[""a b.mp4""]",0,"[2]","[2,10,10,5,5]","{""1"":""0""}"\n'
)


def test_via_options_are_words(read):
    segments, points = read(VIA)
    assert segments == {"a b.mp4": [(1.124, 4.0, "walk"), (4.0, 6.5, "run")]}
    assert points == 1
    with pytest.raises(InputError, match="data row 1: not a row of a VIA 3 csv"):
        read(VIA.replace("[4,6.5]", "[4,"))


def test_other_files_are_refused(read):
    with pytest.raises(InputError, match="neither an export of BORIS"):
        read("a,b\n1,2\n")
    with pytest.raises(InputError, match="no header"):
        read("Behavior,x\n1,2\n")
