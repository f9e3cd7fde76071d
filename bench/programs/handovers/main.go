// A server whose requests pass a pool of workers, while other goroutines hand a number to and fro: PORT, UPSTREAM_PORT.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

type job struct{ done chan error }

func call(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func work(jobs <-chan job, url string) {
	for each := range jobs {
		each.done <- call(url)
	}
}

func handToAndFro() {
	there, back := make(chan int), make(chan int)
	go func() {
		for value := range there {
			back <- value + 1
		}
	}()
	for value := 0; ; value = <-back {
		if value%64 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		there <- value
	}
}

func main() {
	url := "http://127.0.0.1:" + os.Args[2] + "/return/call"
	jobs := make(chan job)
	for i := 0; i < 8; i++ {
		go work(jobs, url)
	}
	for i := 0; i < 2; i++ {
		go handToAndFro()
	}
	http.HandleFunc("/", func(response http.ResponseWriter, _ *http.Request) {
		each := job{make(chan error)}
		jobs <- each
		if err := <-each.done; err != nil {
			http.Error(response, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintln(response, "ok")
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
