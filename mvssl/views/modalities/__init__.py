"""Ways to look at the frames of a clip: one file each, the name of the file is the name in the configuration."""
