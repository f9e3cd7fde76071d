// As shares.c.
package main

var sink float64

//go:noinline
func turn(n int) float64 {
	x := 1.0
	for i := 0; i < n; i++ {
		x = x*1.0000001 + 0.5
	}
	return x
}

//go:noinline
func heavy(n int) {
	sink += turn(3 * n)
}

//go:noinline
func light(n int) {
	sink += turn(n)
}

func main() {
	for {
		heavy(200000)
		light(200000)
	}
}
