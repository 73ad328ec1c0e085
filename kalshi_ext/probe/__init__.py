"""Ask an exchange what nobody has published: cards that turn unknowns into facts."""
