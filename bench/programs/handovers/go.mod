module handovers

go 1.18
