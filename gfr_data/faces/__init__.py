"""One photograph: decoded, its faces found, the subject chosen, cropped, landmarks and pose."""
