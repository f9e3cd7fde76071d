// What stands before the handler: httputil's proxy, TimeoutHandler, or the program itself, which is asked again by HTTP/2.
package main

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

func proxy() http.Handler {
	target, err := url.Parse(next)
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{
		Transport: client.Transport,
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(target)
			request.Out.URL.Path += ".1"
		},
	}
}

// Requests over HTTP/1 are sent on to this same program over HTTP/2 without TLS.
func hop(handler http.Handler) http.Handler {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	self := "http://127.0.0.1:" + os.Getenv("PORT")
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if request.ProtoMajor == 2 {
			handler.ServeHTTP(writer, request)
			return
		}
		again, err := http.NewRequestWithContext(request.Context(), http.MethodGet,
			self+request.URL.Path+".1?"+request.URL.RawQuery, nil)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		response, err := transport.RoundTrip(again)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		writer.WriteHeader(response.StatusCode)
		_, _ = io.Copy(writer, response.Body)
	})
}

func front() http.Handler {
	handler := http.HandlerFunc(serve)
	switch {
	case mode == "proxy":
		return proxy()
	case mode == "timeout":
		return http.TimeoutHandler(handler, time.Minute, "late")
	case mode == "h2c":
		return hop(handler)
	}
	return handler
}
