from __future__ import annotations

import importlib

import pytest

from mvssl.errors import InputError


@pytest.fixture
def read(tmp_path):
    module = importlib.import_module("mvssl.converters.behaviour")

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
    with pytest.raises(InputError, match=r"row 10, column Time: '0:03' is no number"):
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


AGGREGATED_9 = [
    "Observation id", "Observation date", "Description", "Observation type", "Source", "Time offset (s)", "Coding duration",
    "Media duration (s)", "FPS (frame/s)", "Subject", "Observation duration by subject by observation", "Behavior",
    "Behavioral category", "Modifier #1", "Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Media file name",
    "Image index start", "Image index stop", "Image file path start", "Image file path stop", "Comment start",
    "Comment stop",
]  # fmt: skip
TABULAR_9 = [
    "Observation id", "Observation date", "Description", "Observation duration", "Observation type", "Source",
    "Time offset (s)", "Media duration (s)", "FPS", "Subject", "Behavior", "Behavioral category", "Modifier #1",
    "Behavior type", "Time", "Media file name", "Image index", "Image file path", "Comment",
]  # fmt: skip
QUEUE = {
    "Observation id": "o1", "Observation type": "Media file", "Subject": "rat1",
    "Source": "player #1:D:/v/a.mp4;D:/v/b.mp4|player #2:D:/v/side.mp4", "Media duration (s)": "600.000;900.000|1500.000",
    "Time offset (s)": "0.0", "Behavior type": "STATE",
}  # fmt: skip


def boris(head, *rows, delimiter="\t"):
    """As tablib writes: quoted where needed, lines end in carriage return and line feed."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(head)
    writer.writerows([row.get(name, "") for name in head] for row in rows)
    return text.getvalue()


def state(start_s, end_s, behavior="rear", media="D:/v/a.mp4", **other):
    times = {"Start (s)": f"{start_s:.3f}", "Stop (s)": f"{end_s:.3f}"}
    return {**QUEUE, **times, "Behavior": behavior, "Media file name": media, **other}


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_boris_9_times_run_on_over_queued_files(read, delimiter):
    rows = (state(100, 130), state(720, 750, media="D:/v/b.mp4"), state(800, 830, "groom", media="D:/v/b.mp4"))
    found, _ = read(boris(AGGREGATED_9, *rows, delimiter=delimiter), "export.tsv")
    assert found == {"a.mp4": [(100, 130, "rear")], "b.mp4": [(120, 150, "rear"), (200, 230, "groom")]}


def test_boris_9_a_state_over_the_seam_belongs_to_both_files(read):
    assert read(boris(AGGREGATED_9, state(590, 625)))[0] == {"a.mp4": [(590, 600, "rear")], "b.mp4": [(0, 25, "rear")]}
    assert read(boris(AGGREGATED_9, state(1490, 1500.2)))[0] == {"b.mp4": [(890, 900, "rear")]}


def test_boris_9_the_time_offset_is_subtracted_and_the_file_found_again(read):
    """With an offset, BORIS names the file of the time with the offset: here another one, or none."""
    offset = {"Time offset (s)": "200.0"}
    text = boris(
        AGGREGATED_9,
        state(700, 730, media="D:/v/b.mp4", **offset),
        state(1600, 1650, "dig", media="Not found", **offset),
    )
    assert read(text)[0] == {"a.mp4": [(500, 530, "rear")], "b.mp4": [(800, 850, "dig")]}
    with pytest.raises(InputError, match=r"row 2: 'rear' from 100\.000 s lies outside its media .*offset of 200 s"):
        read(boris(AGGREGATED_9, state(100, 130, **offset)))
    with pytest.raises(InputError, match=r"row 2: .*outside its media \(0 to 1500\.000 s.*date of the recording"):
        read(boris(AGGREGATED_9, state(1.7e9, 1.7e9 + 5, media="Not found")))
    with pytest.raises(InputError, match=r"row 2: 'rear' ends at 1700\.000 s, after its media"):
        read(boris(AGGREGATED_9, state(1400, 1700)))


def test_boris_9_tabular_events_have_no_status(read):
    one = {**QUEUE, "Source": "player #1:c.mp4", "Media duration (s)": "600.000", "Behavior": "rear"}
    rows = [
        {**one, "Behavior type": "START", "Time": "100.000"},
        {**one, "Behavior type": "POINT", "Time": "105.000", "Behavior": "sniff"},
        {**one, "Behavior type": "START", "Time": "110.000", "Modifier #1": "fast"},
        {**one, "Behavior type": "STOP", "Time": "130.000"},
        {**one, "Behavior type": "STOP", "Time": "140.000", "Modifier #1": "fast"},
    ]
    found, points = read(boris(TABULAR_9, *rows[:2], rows[3]), "e.tsv")
    assert found == {"c.mp4": [(100, 130, "rear")]}
    assert points == 1
    with pytest.raises(InputError, match="overlaps"):  # modifiers pair for themselves
        read(boris(TABULAR_9, *rows), "e.tsv")
    with pytest.raises(InputError, match="row 3: 'rear' of 'rat1' is started twice"):
        read(boris(TABULAR_9, rows[0], rows[0]), "e.tsv")


def test_boris_observations_without_media_or_lengths_are_refused(read):
    live = {"Source": "NA", "Media duration (s)": "NA", "Observation type": "Live observation"}
    with pytest.raises(InputError, match=r"row 2: names no media file .*live observation"):
        read(boris(AGGREGATED_9, state(1, 2, media="NA", **live)))
    with pytest.raises(InputError, match="row 2: 2 files one after the other, but 1 lengths"):
        read(boris(AGGREGATED_9, state(1, 2, **{"Media duration (s)": "600.000"})))
    with pytest.raises(InputError, match="several files of one name"):
        read(boris(AGGREGATED_9, state(1, 2, Source="player #1:D:/x/a.mp4;D:/y/a.mp4")))
    with pytest.raises(InputError, match=r"row 2, column Start \(s\): 'NA' is no number"):
        read(boris(AGGREGATED_9, {**state(1, 2), "Start (s)": "NA"}))


PREAMBLE_7 = (
    "Observation id\tobservation #1\t\t\n\t\t\t\nMedia file(s)\t\t\t\n\nPlayer #1\tc.mp4\t\t\n{more}\n"
    "Observation date\t2016-11-27 01:57:26\t\t\n\nDescription\t\t\t\n\nTime offset (s)\t5.0\t\t\n\n"
)
EVENTS_7 = (
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
    "105.000\t{media}\t600\t25.0\trat1\trearing\t\t\tSTART\n135.000\t{media}\t600\t25.0\trat1\trearing\t\t\tSTOP\n"
)


def test_boris_7_offset_and_queue_stand_above_the_table(read):
    found, _ = read(PREAMBLE_7.format(more="") + EVENTS_7.format(media="c.mp4"), "e.tsv")
    assert found == {"c.mp4": [(100, 130, "rearing")]}
    queued = PREAMBLE_7.format(more="Player #1\td.mp4\t\t\n")
    assert read(queued + EVENTS_7.format(media="c.mp4"), "e.tsv")[0] == found
    with pytest.raises(InputError, match=r"run on over c\.mp4, d\.mp4, .*BORIS 9"):
        read(queued + EVENTS_7.format(media="d.mp4"), "e.tsv")
    two = (
        AGGREGATED + AGGREGATED.split("\n")[1].replace("mouse 1", "mouse 2").replace("4.500,6.250", "64.5,66.25") + "\n"
    )
    with pytest.raises(InputError, match=r"run on over mouse 1\.mp4, mouse 2\.mp4"):
        read(two)


def test_the_table_says_that_its_times_are_a_players(read, tmp_path):
    module = importlib.import_module("mvssl.converters.behaviour")
    (tmp_path / "e.csv").write_text(AGGREGATED)
    module.prepare(tmp_path / "e.csv", out=tmp_path / "out")
    assert (tmp_path / "out" / "segments.csv").read_text().splitlines()[:2] == [
        "video,start_s,end_s,label,clock",
        "mouse 1.mp4,1.0000,4.5000,dig,player",
    ]


WAV = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/x/take.wav" MIME_TYPE="audio/x-wav" RELATIVE_MEDIA_URL="./take.wav"{}/>'
MP4 = 'MIME_TYPE="video/mp4" TIME_ORIGIN="500"/>'


def test_elan_sound_first_and_sound_alone(read):
    whole = EAF.replace("END", "ts3")
    first = whole.replace("<MEDIA_DESCRIPTOR", WAV.format("") + "<MEDIA_DESCRIPTOR", 1)
    assert read(first, "a.eaf", only="phase")[0] == {"take 1.mp4": [(0.5, 1.7, "up"), (1.7, 2.5, "down")]}
    start = whole.index("<MEDIA_DESCRIPTOR")
    alone = whole[:start] + WAV + whole[whole.index("/>", start) + 2 :]
    origin = ' EXTRACTED_FROM="file:///D:/x/take%202.mp4" TIME_ORIGIN="1000"'
    assert read(alone.replace("{}", origin), "b.eaf", only="phase")[0] == {
        "take 2.mp4": [(1.0, 2.2, "up"), (2.2, 3.0, "down")]
    }
    with pytest.raises(InputError, match=r"names only sound \(take\.wav\)"):
        read(alone.replace("{}", ""), "c.eaf")
    for broken in (whole[:200], "no xml", whole.replace("HEADER", "HEAD")):
        with pytest.raises(InputError, match=r"d\.eaf: (not a whole ELAN|no HEADER)"):
            read(broken, "d.eaf")
