"""VDSR: Kim et al., "Accurate Image Super-Resolution Using Very Deep Convolutional Networks", CVPR 2016."""

from torch import Tensor, nn

from gfr_model.networks.layers import initialise_for_relu

DEPTH, WIDTH = 20, 64


class Vdsr(nn.Module):
    """Twenty 3x3 convolutions that predict what the interpolated image lacks."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, WIDTH, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(DEPTH - 2):
            layers += [nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(WIDTH, channels, 3, padding=1))
        initialise_for_relu(self)

    def forward(self, image: Tensor) -> Tensor:
        """Restore (B, channels, H, W)."""
        restored: Tensor = image + self.layers(image)
        return restored
