"""How the offline analyst's linear model came about: lines and the script that fits it."""
