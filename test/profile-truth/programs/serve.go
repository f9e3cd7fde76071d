// As serve.c, by net/http: the thread is written as 0, since goroutines move.
package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	_ "unsafe"
)

//go:linkname nanotime runtime.nanotime
func nanotime() int64

const turns = 1000000

var sink float64
var lock sync.Mutex

//go:noinline
func turn(n int) float64 {
	x := 1.0
	for i := 0; i < n; i++ {
		x = x*1.0000001 + 0.5
	}
	return x
}

//go:noinline
func heavy(n int) float64 { return turn(3*n) + 1 }

//go:noinline
func light(n int) float64 { return turn(n) + 1 }

func main() {
	truth, _ := os.Create(os.Args[2])
	handle := func(w http.ResponseWriter, r *http.Request) {
		start := nanotime()
		result := 0.0
		if r.URL.Path == "/heavy" {
			result = heavy(turns)
		} else {
			result = light(turns)
		}
		end := nanotime()
		lock.Lock()
		sink += result
		fmt.Fprintf(truth, "0 %d %d %s\n", start, end, r.URL.Query().Get("id"))
		lock.Unlock()
		fmt.Fprint(w, "ok")
	}
	http.HandleFunc("/", handle)
	http.ListenAndServe("127.0.0.1:"+os.Args[1], nil)
}
