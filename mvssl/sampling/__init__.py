"""Which times of which files: pure arithmetic on a session and a generator; no file is opened here.

A sampler is called as ``sampler(session, generator) -> dict[view name, ClipRequest]``; ``sampler.views`` are the names
in order. All times are instants of the file's clock inside [start_s, end_s); the decoder picks the frame shown.
"""

from mvssl.sampling._timeline import leave_room as leave_room
from mvssl.sampling.batches import BatchPlan as BatchPlan
from mvssl.sampling.batches import Ticket as Ticket
from mvssl.sampling.carl import CARL as CARL
from mvssl.sampling.carl_cameras import CARLCameras as CARLCameras
from mvssl.sampling.carl_code import CARLCode as CARLCode
from mvssl.sampling.cvrl import CVRL as CVRL
from mvssl.sampling.dense import Dense as Dense
from mvssl.sampling.lav import LAV as LAV
from mvssl.sampling.segments import Segments as Segments
from mvssl.sampling.sessions import sessions as sessions
from mvssl.sampling.synced import Synced as Synced
from mvssl.sampling.tcc import TCC as TCC
from mvssl.sampling.uniform import Uniform as Uniform
from mvssl.sampling.windows import Windows as Windows
