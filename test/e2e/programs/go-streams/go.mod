module sockspan.test/gostreams

go 1.24
