"""Intervals that hold for few videos, and tests that count how often they would be wrong.

The unit is what was filmed independently: a video, or all videos of one group or session together.
"""

from mvssl.statistics.comparison import ALPHA as ALPHA
from mvssl.statistics.comparison import Comparison as Comparison
from mvssl.statistics.comparison import SignFlips as SignFlips
from mvssl.statistics.comparison import least_units as least_units
from mvssl.statistics.comparison import paired_comparison as paired_comparison
from mvssl.statistics.comparison import sign_flips as sign_flips
from mvssl.statistics.comparison import unit_sums as unit_sums
from mvssl.statistics.intervals import ERROR as ERROR
from mvssl.statistics.intervals import PERCENT as PERCENT
from mvssl.statistics.intervals import SHARE as SHARE
from mvssl.statistics.intervals import Interval as Interval
from mvssl.statistics.intervals import interval_of_average as interval_of_average
from mvssl.statistics.intervals import interval_of_mean as interval_of_mean
from mvssl.statistics.intervals import interval_of_pairs as interval_of_pairs
from mvssl.statistics.intervals import interval_of_sums as interval_of_sums
