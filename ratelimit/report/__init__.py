"""Pages with pictures: one file each, which needs no network and no script."""
