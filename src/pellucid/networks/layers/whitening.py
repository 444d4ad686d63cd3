"""First layer of `cnn`: filters that decorrelate the patches of the training images."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn import functional

_EPSILON = 5e-4  # keeps noise in directions of hardly any variance from being blown up
_MOST_VALUES = 2**25
_FEWEST_IMAGES = 64
_CHUNK_VALUES = 2**22
# Rounding decides which of two equal entries is the largest; it must not decide the sign as well.
_NEARLY_LARGEST = 0.999


class WhiteningStem(nn.Conv2d):
    r"""A frozen convolution with the leading eigenvectors of the data's patches and their negatives.

    With patch covariance $C = V \Lambda V^\top$, filter $i$ is $v_i / \sqrt{\lambda_i + \epsilon}$;
    responses of the first half of the filters have covariance near the identity. The negatives
    let the activation that follows keep both signs.

    Source: Page 2019, "How to train your ResNet 8: bag of tricks"; Jordan 2024, arXiv:2404.00498.
    """

    def __init__(self, channels: int, filters: int, kernel: int, stride: int) -> None:
        super().__init__(channels, filters, kernel, stride=stride, bias=False)
        self.weight.requires_grad_(False)

    def distance(self, shape: tuple[int, ...]) -> int:
        """Distance between images worth reading, of `shape` (images, channels, height, width); 1: all."""
        return _distance(shape, self.kernel_size[0], self.stride[0])

    @torch.no_grad()
    def fit(self, images: Float[Tensor, "batch channel height width"]) -> None:
        """Set the filters from standardised images; equal images give equal bytes."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        covariance = patch_covariance(images, kernel, stride)
        filters = whitening_filters(covariance, self.out_channels // 2)
        filters = filters.view(-1, images.shape[1], kernel, kernel)
        self.weight.copy_(torch.cat([filters, -filters]))


def patch_covariance(
    images: Float[Tensor, "batch channel height width"], kernel: int, stride: int
) -> Float64[Tensor, "size size"]:
    """Covariance over (channel, row, column) of square patches of `kernel` pixels a side, `stride` apart.

    Of more values than are worth reading, evenly spaced images serve.
    """
    size, patches = _size_and_patches(tuple(images.shape), kernel, stride)
    images = images[:: _distance(tuple(images.shape), kernel, stride)]
    total, products = torch.zeros(size).double(), torch.zeros(size, size).double()
    for chunk in torch.split(images, max(1, _CHUNK_VALUES // (size * patches))):
        rows = functional.unfold(chunk, kernel, stride=stride).transpose(1, 2).reshape(-1, size).double()
        total += rows.sum(0)
        products += rows.T @ rows
    mean = total / (len(images) * patches)
    return products / (len(images) * patches) - torch.outer(mean, mean)


def _size_and_patches(shape: tuple[int, ...], kernel: int, stride: int) -> tuple[int, int]:
    """Values of a patch, and patches of an image."""
    _, channels, height, width = shape
    patches = ((height - kernel) // stride + 1) * ((width - kernel) // stride + 1)
    return channels * kernel * kernel, patches


def _distance(shape: tuple[int, ...], kernel: int, stride: int) -> int:
    size, patches = _size_and_patches(shape, kernel, stride)
    most_images = max(_FEWEST_IMAGES, _MOST_VALUES // (size * patches))
    return max(1, -(-shape[0] // most_images))


def whitening_filters(covariance: Float64[Tensor, "size size"], count: int) -> Float64[Tensor, "count size"]:
    """Leading eigenvectors in rows, largest first, each divided by the square root of its eigenvalue.

    An eigenvector's sign is free; here its first nearly largest entry is positive.
    """
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0)[:count].clamp(min=0), vectors.flip(1)[:, :count].T
    sizes = vectors.abs()
    leading = (sizes >= _NEARLY_LARGEST * sizes.amax(1, keepdim=True)).int().argmax(1, keepdim=True)
    vectors = vectors * vectors.gather(1, leading).sign()
    filters: Tensor = vectors / (values + _EPSILON).sqrt().unsqueeze(1)
    return filters
