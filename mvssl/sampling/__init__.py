"""Which times of which files: pure arithmetic on a session and a generator; no file is opened here.

A sampler is called as ``sampler(session, generator) -> dict[view name, ClipRequest]``; ``sampler.views`` are the names
in order. All times are instants of the file's clock inside [start_s, end_s); the decoder picks the frame shown.
"""

from mvssl.sampling._timeline import leave_room as leave_room
from mvssl.sampling.batches import BatchPlan as BatchPlan
from mvssl.sampling.batches import Ticket as Ticket
from mvssl.sampling.carl import CarlSampler as CarlSampler
from mvssl.sampling.carl_cameras import CarlCamerasSampler as CarlCamerasSampler
from mvssl.sampling.carl_code import CarlCodeSampler as CarlCodeSampler
from mvssl.sampling.cvrl import CvrlSampler as CvrlSampler
from mvssl.sampling.dense import DenseSampler as DenseSampler
from mvssl.sampling.lav import LavSampler as LavSampler
from mvssl.sampling.segments import SegmentsSampler as SegmentsSampler
from mvssl.sampling.sessions import sessions as sessions
from mvssl.sampling.synced import SyncedSampler as SyncedSampler
from mvssl.sampling.tcc import TccSampler as TccSampler
from mvssl.sampling.uniform import UniformSampler as UniformSampler
from mvssl.sampling.windows import WindowsSampler as WindowsSampler
