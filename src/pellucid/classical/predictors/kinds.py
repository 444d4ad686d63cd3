"""All kinds of trained classical models in one dict."""

from pellucid.classical.predictors.constant import Constant
from pellucid.classical.predictors.forest import Forest
from pellucid.classical.predictors.kernel import Kernel
from pellucid.classical.predictors.linear import Linear
from pellucid.classical.predictors.predictor import Predictor

# Every kind by its name, as saved models have it.
PREDICTORS: dict[str, type[Predictor]] = {each.kind: each for each in (Constant, Linear, Kernel, Forest)}
