"""What lies in model.tar.gz: the container packs it by these names, and it is unpacked by them."""

ADAPTER = "adapter"
ENTRY = "entry.toml"
