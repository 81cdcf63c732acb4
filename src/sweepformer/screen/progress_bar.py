"""The bar that tells how far something is."""

from threading import RLock

from tqdm import tqdm as tqdm

# The library's own lock is shared by forks: one that is killed while it holds it would stop all others for good.
tqdm.set_lock(RLock())
