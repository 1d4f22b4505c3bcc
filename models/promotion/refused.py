"""The one error of a promotion that is no mistake."""

from common.errors import UserError


class RefusedError(UserError):
    """What is asked may not be done, or what was recorded does not hold: exit 1, not 4."""
