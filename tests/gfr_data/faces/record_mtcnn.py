"""Record what the mtcnn package finds in the photographs of `data/`, on TensorFlow, for test_mtcnn.py.

pip install tensorflow-cpu mtcnn==1.0.0 opencv-python-headless
python tests/gfr_data/faces/record_mtcnn.py
"""

import json
from pathlib import Path

import numpy as np
from mtcnn import MTCNN
from PIL import Image

DATA = Path(__file__).parent / "data"


def main() -> None:
    """Write `data/mtcnn.json`: of each photograph the boxes, scores and keypoints, not rounded."""
    detector = MTCNN(device="CPU:0")
    found = {}
    for path in sorted(DATA.glob("*.jpg")):
        image = np.asarray(Image.open(path).convert("RGB"))
        rows = detector.detect_faces(image, fit_to_image=False, box_format="xyxy", output_type="numpy")
        # A row: number of the image, box, score, x of the five keypoints, y of them.
        found[path.name] = [
            {
                "box": row[1:5].tolist(),
                "score": float(row[5]),
                "keypoints": row[6:16].reshape(2, 5).T.tolist(),
            }
            for row in rows
        ]
    (DATA / "mtcnn.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
