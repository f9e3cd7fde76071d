module sockspan.test/goserver

go 1.18
