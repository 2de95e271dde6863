"""Control folded: EOC, roles, profiles, holds. Pure, but for ``control_view``, which reads it on demand."""
