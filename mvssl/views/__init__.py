"""What a clip looks like: temporally consistent augmentation, and modalities.

A transform plans before decoding and is applied after it: ``drawn = transform.draw(view, width, height, generator)``,
``request = transform.request(request, drawn)``, then ``transform.apply(frames, drawn)``. One draw per view.
"""

from mvssl.views.augment import Augment as Augment
from mvssl.views.parameters import PARAMETERS as PARAMETERS
from mvssl.views.parameters import Drawn as Drawn
from mvssl.views.evaluation import Evaluation as Evaluation
