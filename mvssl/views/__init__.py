"""What a clip looks like: temporally consistent augmentation, and modalities.

A transform plans before decoding and is applied after it: ``drawn = transform.draw(view, width, height, generator)``,
``request = transform.request(request, drawn)``, then ``transform.apply(frames, drawn)``. One draw per view.
"""

from mvssl.views.augment import Augment as Augment
from mvssl.views.evaluation import EvaluationViews as EvaluationViews
from mvssl.views.inputs import to_input as to_input
from mvssl.views.modality import Modality as Modality
from mvssl.views.modality import Transform as Transform
from mvssl.views.parameters import PARAMETERS as PARAMETERS
from mvssl.views.parameters import Drawn as Drawn
from mvssl.views.preview import preview as preview
