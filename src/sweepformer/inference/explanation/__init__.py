"""Why a run answers as it does: what each word of a text adds to the answer."""
