"""VGG-Face (Parkhi et al. 2015) for eq. 5: the network, and its weights from the files they come in."""
