"""How a cleared message reaches its profiles: attempt on record, platform call, receipt."""
