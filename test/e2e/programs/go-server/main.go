// An HTTP server and proxy of Go's standard library: /call/PORT/PATH asks another server, everything else is answered.
// Argument: the port.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		if _, rest, found := strings.Cut(request.URL.Path, "/call/"); found {
			port, path, _ := strings.Cut(rest, "/")
			answer, err := http.Get("http://127.0.0.1:" + port + "/" + path)
			if err != nil {
				http.Error(response, err.Error(), http.StatusBadGateway)
				return
			}
			defer answer.Body.Close()
			response.WriteHeader(answer.StatusCode)
			io.Copy(response, answer.Body)
			return
		}
		fmt.Fprintln(response, "hello from go")
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
