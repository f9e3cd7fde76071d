// A peer of the data plane in another language, from the public wire format alone: standard library, no generated code.
//
//	peer listen        prints the address, takes one connection, prints what each row says as a line of JSON
//	peer send ADDRESS  sends one frame with a client's and a server's row of one exchange
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "send" {
		send(os.Args[2])
		return
	}
	listen()
}

func listen() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().String())
	connection, err := listener.Accept()
	check(err)
	header := make([]byte, 19)
	for {
		if _, err := io.ReadFull(connection, header); err == io.EOF {
			return
		} else {
			check(err)
		}
		size := binary.BigEndian.Uint32(header)
		body := make([]byte, size-19)
		_, err := io.ReadFull(connection, body)
		check(err)
		if binary.LittleEndian.Uint16(header[5:]) != 0x8000 {
			panic("version")
		}
		if header[7] == 2 {
			unpacked, err := gzip.NewReader(bytes.NewReader(body))
			check(err)
			body, err = io.ReadAll(unpacked)
			check(err)
		}
		for len(body) > 0 {
			length := binary.LittleEndian.Uint32(body)
			printRow(header, body[4:4+length])
			body = body[4+length:]
		}
	}
}

func printRow(header []byte, row []byte) {
	top := fields(row)
	base := fields(top[1].bytes)
	request := fields(top[11].bytes)
	trace := fields(top[14].bytes)
	line, _ := json.Marshal(map[string]any{
		"type":    header[4],
		"agent":   binary.LittleEndian.Uint16(header[16:]),
		"tapSide": base[8].number,
		"seq":     base[23].number,
		"port":    base[19].number,
		"method":  string(request[1].bytes),
		"traceId": string(trace[4].bytes),
	})
	fmt.Println(string(line))
}

type field struct {
	number uint64
	bytes  []byte
}

func fields(message []byte) map[int]field {
	found := map[int]field{}
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		message = message[n:]
		value, n := binary.Uvarint(message)
		message = message[n:]
		switch tag & 7 {
		case 0:
			found[int(tag>>3)] = field{number: value}
		case 2:
			found[int(tag>>3)] = field{bytes: message[:value]}
			message = message[value:]
		default:
			panic("wire type")
		}
	}
	return found
}

func send(address string) {
	connection, err := net.Dial("tcp", address)
	check(err)
	body := append(record(row(41)), record(row(42))...)
	frame := make([]byte, 19)
	binary.BigEndian.PutUint32(frame, uint32(19+len(body)))
	frame[4] = 5
	binary.LittleEndian.PutUint16(frame[5:], 0x8000)
	binary.LittleEndian.PutUint32(frame[8:], 1)
	binary.LittleEndian.PutUint16(frame[12:], 1)
	binary.LittleEndian.PutUint16(frame[16:], 9)
	_, err = connection.Write(append(frame, body...))
	check(err)
	check(connection.Close())
}

func row(tapSide uint64) []byte {
	head := append(number(1, 20), number(2, 2)...)
	base := append(number(1, 1700000000000000000), number(2, 1700000000001000000)...)
	base = append(base, number(8, tapSide)...)
	base = append(base, text(9, head)...)
	base = append(base, number(20, 6)...)
	base = append(base, number(23, 77)...)
	base = append(base, number(24, 88)...)
	request := append(text(1, []byte("GET")), text(3, []byte("/go"))...)
	return append(text(1, base), text(11, request)...)
}

func record(message []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(message))), message...)
}

func number(tag int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(tag)<<3), value)
}

func text(tag int, value []byte) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(tag)<<3|2), uint64(len(value))), value...)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
