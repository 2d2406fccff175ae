"""From a ticket (sample, seed) to a batch, whether views are decoded at every step or their features are kept.

The code in the order of the data: ``plan`` (which instants, which draws), ``clips`` (views decoded) or ``cache`` and
``features`` (views kept), ``dataset`` (a sample), ``collate`` (a batch), ``loader`` (the batches of a run).

Everything drawn for a sample comes from its ticket's seed, so a batch is a pure function of (plan, step), whatever the
number of workers or processes. Pixels cross processes as uint8 (vectors as float16, features as float32);
``views.to_input`` turns them into floats on the training device.
"""

from mvssl.loading.cache import FeatureCache as FeatureCache
from mvssl.loading.dataset import ClipDataset as ClipDataset
from mvssl.loading.loader import Loader as Loader
