module sockspan.test/truth

go 1.24
