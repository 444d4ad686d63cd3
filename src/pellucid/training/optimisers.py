"""Optimisers as torch builds them, and the learning rate of each step and layer."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.networks import Network
from pellucid.networks.text_layers import EmbeddingBag
from pellucid.pieces import in_pieces, threads
from pellucid.training.recipe import Recipe

# Steps after which the running mean of squares is scaled anew: over so many the factor grows to 150.
_SPAN = 500


def values_of(gradient: Tensor) -> Tensor:
    """Numbers of a gradient that may not be zero; those of a sparse one, which holds each row once."""
    return gradient._values() if gradient.is_sparse else gradient


def update_rows(optimizer: torch.optim.Optimizer) -> None:
    r"""Update the parameters of an Adam that have a sparse gradient, and take it from them.

    A step costs what the batch holds, not the vocabulary. Without momentum of the gradient, $\beta_1 = 0$, a
    row that is not used stays as it is. For the rows used, with $t$ the number of the step:

    $$v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
      w \leftarrow w - \eta \, \frac{g}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}$$

    Kept is $u = v / \beta_2^{t \bmod n}$, which changes in the rows used alone; every $n$ steps all of it is
    brought to $v$ again, before the factor grows too large for fp32.

    Source: Kingma and Ba 2014, arXiv:1412.6980, algorithm 1 with $\beta_1 = 0$.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None and parameter.grad.is_sparse:
                gradient, parameter.grad = parameter.grad, None
                _update(parameter, gradient, optimizer.state[parameter], group)


def _update(table: Tensor, gradient: Tensor, memory: dict[str, Tensor], group: dict[str, Any]) -> None:
    if "second" not in memory:  # it is the first step, or a checkpoint of another rule was taken over
        memory |= {"step": torch.tensor(0.0), "second": torch.zeros_like(table)}
    memory["step"] += 1
    rows, values = gradient._indices()[0], values_of(gradient)
    beta, step, second = group["betas"][1], int(memory["step"]), memory["second"]
    age = step % _SPAN
    if age == 0:
        second *= beta**_SPAN
    scale = beta**age
    squares = second.index_select(0, rows).addcmul_(values, values, value=(1 - beta) / scale)
    second.index_copy_(0, rows, squares)
    root = squares.mul_(scale / (1 - beta**step)).sqrt_().add_(group["eps"])
    table.index_copy_(0, rows, table.index_select(0, rows).addcdiv_(values, root, value=-group["lr"]))


MOMENTUM = 0.9
BETAS = (0.9, 0.99)
# Key of a parameter group that says which share of the learning rate it gets.
SHARE = "share_of_rate"

# Numbers that one thread updates sooner than another one has woken up.
_FEW_NUMBERS = 2**17


def shares_of(optimizer: torch.optim.Optimizer, count: int) -> list[torch.optim.Optimizer]:
    """The optimiser as up to `count` ones that update some parameters each, with the state of the whole."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    count = min(count, sum(parameter.numel() for parameter in parameters) // _FEW_NUMBERS)
    if count <= 1:
        return [optimizer]
    loads, share_of = [0] * count, {}
    for parameter in sorted(parameters, key=torch.Tensor.numel, reverse=True):
        share = share_of[parameter] = loads.index(min(loads))
        loads[share] += parameter.numel()
    found = []
    for share in range(count):
        own = object.__new__(type(optimizer))
        own.__dict__.update(optimizer.__dict__)
        own.param_groups = [
            {**group, "params": [one for one in group["params"] if share_of[one] == share]}
            for group in optimizer.param_groups
        ]
        found.append(own)
    return found


_GUARDED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def _plain(kind: type[torch.optim.Optimizer]) -> Any:
    """The optimiser `kind` without the guards against torch's compiler; an Adam updates sparse rows first.

    The first call of each guard imports the compiler, which takes most of a second and is never asked.
    Threads share out the parameters, which do not depend on one another.
    """
    update = torch.no_grad()(inspect.unwrap(kind.step))
    begin = (lambda _: None) if kind is torch.optim.SGD else update_rows

    def step_without_gradient(self: torch.optim.Optimizer) -> None:
        with torch.no_grad():
            begin(self)
        in_pieces(update, shares_of(self, threads()))

    bare = {name: inspect.unwrap(getattr(kind, name)) for name in _GUARDED}
    return type(kind.__name__, (kind,), {**bare, "step": step_without_gradient})


_SGD = _plain(torch.optim.SGD)
_ADAM = _plain(torch.optim.Adam)
_ADAMW = _plain(torch.optim.AdamW)

MUON_MOMENTUM = 0.6
ORTHOGONALISING = 3  # steps of Muon's iteration
ADAMW_SHARE = 1 / 24  # learning rate of AdamW, by which all else learns, as a part of Muon's
# Coefficients of the polynomial of Muon's iteration.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_TINY = 1e-7
# Key of a parameter group for whether Muon turns its matrices.
TURNED = "is_turned"


class _Muon(_ADAMW):  # type: ignore[misc,valid-type]
    r"""Muon for kernels and matrices whose scale a norm cancels, AdamW for all else.

    With the momentum $m \leftarrow \mu m + g$ and $n = g + \mu m$, weights and gradients as matrices of a row
    for each output,

    $$W \leftarrow \lVert W_0 \rVert \left(\frac{W}{\lVert W \rVert} - \frac{\eta}{\sqrt r} \, O(n)\right)$$

    where $r$ is the number of rows, $W_0$ the weights before the first step and $O(n)$ nearly the orthogonal
    matrix that is nearest to $n$. The norm behind the layer cancels the scale, so that it may stay as it is.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", for the update;
        Jordan 2024, `airbench94_muon.py`, for the scale of the weights and the three steps of the iteration.
    """

    in_bf16 = False  # whether matrices are made orthogonal in bf16

    def step(self) -> Any:
        turned = [
            (weight, group["lr"])
            for group in self.param_groups
            for weight in group["params"]
            if group[TURNED] and weight.grad is not None
        ]
        turned.sort(key=lambda one: one[0].numel(), reverse=True)  # the longest work begins first
        in_pieces(lambda one: self._turn(*one), turned)
        return super().step()

    @torch.no_grad()
    def _turn(self, weight: nn.Parameter, rate: float) -> None:
        gradient, weight.grad = weight.grad, None
        assert gradient is not None  # or else it is not turned
        memory = self.state[weight]
        if not memory:
            memory |= {
                "step": torch.tensor(0.0),
                "momentum": torch.zeros_like(weight),
                "scale": weight.norm(),
            }
        memory["step"] += 1
        momentum = memory["momentum"].mul_(MUON_MOMENTUM).add_(gradient)
        direction = gradient.add(momentum, alpha=MUON_MOMENTUM).flatten(1)
        direction = orthogonalised(direction.bfloat16() if self.in_bf16 else direction)
        scale = float(memory["scale"])
        weight.mul_(scale / weight.norm().clamp_min(_TINY))
        weight.sub_(direction.to(weight.dtype).view_as(weight), alpha=rate * scale / len(weight) ** 0.5)


def orthogonalised(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    r"""Nearly $U V^\top$ of a matrix $U \Sigma V^\top$: its singular values are brought near 1.

    Three steps from $X = M / \lVert M \rVert$, in the arithmetic of the matrix; one of zeros stays so:

    $$X \leftarrow a X + (b X X^\top + c (X X^\top)^2) X$$

    Source: Jordan et al. 2024, "Muon", the Newton-Schulz iteration of fifth order and its coefficients.
    """
    a, b, c = _QUINTIC
    wide: Tensor = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp_min(_TINY)
    for _ in range(ORTHOGONALISING):
        square = wide @ wide.T
        wide = a * wide + torch.addmm(b * square, square, square, alpha=c) @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def turned_by_muon(network: nn.Module) -> list[str]:
    """Names of the weights that Muon learns: those of layers without a bias, which a norm follows."""
    return [
        f"{name}.weight"
        for name, layer in network.named_modules()
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is None and layer.weight.requires_grad
    ]


# The optimiser of each name, with its momentum; of an Adam `adversarial` may set that.
OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "gd": (_SGD, {}),
    "sgd": (_SGD, {}),
    "momentum": (_SGD, {"momentum": MOMENTUM}),
    "nesterov": (_SGD, {"momentum": MOMENTUM, "nesterov": True}),
    "adam": (_ADAM, {"betas": BETAS}),
    "adamw": (_ADAMW, {"betas": BETAS}),
    "muon": (_Muon, {"betas": BETAS}),
}


def build_optimizer(
    network: nn.Module, recipe: Recipe, shares: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Optimiser of a recipe, with a parameter group for each share of the learning rate and for each decay.

    Weight decay acts on weight matrices and kernels only, not on biases and batch-norm scales. `shares` gives
    parameters, by name, a part of the learning rate; the others get the whole. In adversarial training the
    generator's get theirs, and each of the two networks has its own updates: the optimiser leaves alone what
    has no gradient. Vectors of n-grams learn by rows from now on, or no longer.
    """
    is_adam = recipe.optimizer in ("adam", "adamw") and recipe.weight_decay == 0.0
    for layer in network.modules():
        if isinstance(layer, EmbeddingBag):  # rows alone are updated where that is Adam all the same
            layer.by_rows = is_adam and recipe.device == "cpu"
    if recipe.adversarial is not None:
        of_generator = (name for name, _ in network.named_parameters() if name.startswith("generator."))
        shares = dict.fromkeys(of_generator, recipe.adversarial.generator_rate)
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    is_muon = recipe.optimizer == "muon"
    turned = frozenset(turned_by_muon(network) if is_muon else ())
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            share = (shares or {}).get(name, 1.0)
            if is_muon and name not in turned:
                share *= ADAMW_SHARE
            groups.setdefault((share, True, name in turned), [])
            groups.setdefault((share, False, name in turned), [])
            groups[share, parameter.ndim > 1, name in turned].append(parameter)
    kind, given = OPTIMIZERS[recipe.optimizer]
    if recipe.adversarial is not None and "betas" in given:
        given = {"betas": (recipe.adversarial.momentum, BETAS[1])}
    decayed = [
        {
            "params": found,
            "weight_decay": recipe.weight_decay if is_decayed else 0.0,
            SHARE: share,
            **({TURNED: is_turned} if is_muon else {}),
        }
        for (share, is_decayed, is_turned), found in groups.items()
        if found
    ]
    optimizer: torch.optim.Optimizer = kind(decayed, lr=recipe.learning_rate, fused=True, **given)
    if isinstance(optimizer, _Muon):
        optimizer.in_bf16 = recipe.precision == "bf16"
    return optimizer


# Learning rate of each layer of a pretrained network in fine-tuning: the tensors of the body, in the order of
# computation, are cut into six groups of equal number; the head, which was trained before, gets the whole
# rate, the group $k$ from the top (from 0) the share $u \cdot d^k$ with $d = 0.8$.
# Source: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification",
# arXiv:1801.06146, section 3.2, for rates by layer; Kumar et al. 2022, arXiv:2202.10054, for the head first.

_GROUPS = 6
_DECAY = 0.8
# $u$, the share of the uppermost group, by what the network takes: large rates destroy encoders of texts
# (benchmarks/backbones.py --tuning).
UPPERMOST = {"images": 0.7, "texts": 0.1}


def shares_of_rate(network: Network, uppermost: float) -> Mapping[str, float]:
    """Share of the learning rate, above 0 and at most 1, by parameter; `uppermost` for the top group."""
    body = [name for name, _ in network.named_parameters() if name.startswith("body.")]
    shares = {name: 1.0 for name, _ in network.named_parameters()}
    for place, name in enumerate(body):
        depth = _GROUPS - 1 - place * _GROUPS // len(body)
        shares[name] = uppermost * _DECAY**depth
    return shares


# A schedule maps the progress $p$, the share of all steps already taken, 0 to 1, to a factor on the largest
# learning rate: a function of the step alone, so that a resumed run follows the same course.

WARM_UP = 0.2


def one_cycle(progress: float) -> float:
    """Straight up to 1 over the first fifth, then straight down to 0.

    Source: Smith and Topin, "Super-Convergence", 2018, with the final annihilation to zero.
    """
    return progress / WARM_UP if progress < WARM_UP else (1.0 - progress) / (1.0 - WARM_UP)


def cosine(progress: float) -> float:
    r"""Half a cosine from 1 to 0: $\frac{1}{2}(1 + \cos \pi p)$.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
    """
    return 0.5 * (1.0 + math.cos(math.pi * progress))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "one-cycle": one_cycle,
    "cosine": cosine,
    "constant": lambda progress: 1.0,
}


def learning_rate(
    schedule: str, largest: float, step: int, total_steps: int, shortened: Sequence[tuple[int, int]] = ()
) -> float:
    """Learning rate at the middle of a step (from 0), so that neither the first nor the last step is idle.

    `shortened` are the steps at which the number of steps was changed, each with the steps in all until then.
    """
    step_middle, reached, since = step + 0.5, 0.0, 0
    for at, planned in (*shortened, (total_steps, total_steps)):
        progress = reached + (1 - reached) * (step_middle - since) / (planned - since)
        if step_middle < at:
            break
        reached += (1 - reached) * (at - since) / (planned - since)
        since = at
    return largest * SCHEDULES[schedule](progress)
