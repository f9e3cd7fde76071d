// A server that serves HTTP/2 without TLS: /ask/PORT/PATH asks this very program over HTTP/2 for /behind/PORT/PATH, which is
// answered at once. What its handler has started asks the other server, when the handler has ended and its goroutine has
// become another one. Argument: the port.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const others = 64

func ask(client *http.Client, port, path string) {
	answer, err := client.Get("http://127.0.0.1:" + port + path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

func behind(port, path string) {
	time.Sleep(20 * time.Millisecond)
	done := make(chan struct{})
	for number := 0; number < others; number++ {
		go func() { <-done }()
	}
	ask(http.DefaultClient, port, "/"+path)
	close(done)
}

func main() {
	self := os.Args[1]
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	streams := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	http.HandleFunc("/ask/", func(response http.ResponseWriter, request *http.Request) {
		ask(streams, self, "/behind/"+strings.TrimPrefix(request.URL.Path, "/ask/"))
		fmt.Fprintln(response, "asked")
	})
	http.HandleFunc("/behind/", func(response http.ResponseWriter, request *http.Request) {
		port, path, _ := strings.Cut(strings.TrimPrefix(request.URL.Path, "/behind/"), "/")
		go behind(port, path)
		fmt.Fprintln(response, "answered")
	})
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: "127.0.0.1:" + self, Protocols: both}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
