"""The models of answers, the same for both contracts.

Money is Decimal dollars, counts are Decimal contracts, times are aware UTC datetimes. A field
the exchange left out, or sent as null or "", is None; so is one that cannot be read, unless the row
means nothing without it. A field typed without None is one that the current contract requires (see
`promises`). `.raw` is the JSON object as received; it is no part of equality or repr, so that a new
field of the exchange makes no two equal rows differ.
"""

from kalshi_ext.models import account, exchange, health, markets, orders, portfolio
from kalshi_ext.models.account import *
from kalshi_ext.models.exchange import *
from kalshi_ext.models.health import *
from kalshi_ext.models.markets import *
from kalshi_ext.models.orders import *
from kalshi_ext.models.portfolio import *

# Each file lists its own models, so that a new one is written in one place.
__all__: list[str] = []
__all__ += account.__all__
__all__ += exchange.__all__
__all__ += health.__all__
__all__ += markets.__all__
__all__ += orders.__all__
__all__ += portfolio.__all__
