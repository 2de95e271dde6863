"""The story of ``make run``: the whole job, from routine to stand-down, played with the real commands.

``stage`` starts the city and gives commands; ``scenes`` are the steps and what each must come to; ``__main__`` plays.
"""
