// Go's x/crypto/ssh as a peer of tssh.
//
// server PORT HOST_KEY USER_PUBLIC_KEY REKEY_BYTES
// client PORT USER KEY HOST_PUBLIC_KEY REKEY_BYTES exec COMMAND
// client ... local LISTEN TO | remote LISTEN TO | stdio TO
//
// Prints "ready" once it listens; a client that forwards ends with its standard input.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// What comes right behind the reply to tcpip-forward is refused: the library knows of the
// listener only afterwards.
const grace = 500 * time.Millisecond

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(255)
	}
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(err)
	return data
}

func signer(path string) ssh.Signer {
	key, err := ssh.ParsePrivateKey(read(path))
	check(err)
	return key
}

func public(path string) ssh.PublicKey {
	key, _, _, _, err := ssh.ParseAuthorizedKey(read(path))
	check(err)
	return key
}

func number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	check(err)
	return n
}

func loopback(port string) string { return net.JoinHostPort("127.0.0.1", port) }

type halves interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Both ways; each direction ends by itself.
func join(one, other halves) {
	var both sync.WaitGroup
	both.Add(2)
	copyOne := func(to, from halves) {
		defer both.Done()
		io.Copy(to, from)
		to.CloseWrite()
	}
	go copyOne(one, other)
	go copyOne(other, one)
	both.Wait()
	one.Close()
	other.Close()
}

func serve(port, hostKey, userKey string, rekey uint64) {
	known := public(userKey).Marshal()
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), known) {
				return nil, errors.New("another key")
			}
			return nil, nil
		},
	}
	config.RekeyThreshold = rekey
	config.AddHostKey(signer(hostKey))
	listener, err := net.Listen("tcp", loopback(port))
	check(err)
	fmt.Println("ready")
	for {
		plain, err := listener.Accept()
		check(err)
		go serveOne(plain, config)
	}
}

func serveOne(plain net.Conn, config *ssh.ServerConfig) {
	conn, channels, requests, err := ssh.NewServerConn(plain, config)
	if err != nil {
		return
	}
	go serveGlobal(conn, requests)
	for asked := range channels {
		switch asked.ChannelType() {
		case "session":
			channel, requests, err := asked.Accept()
			if err == nil {
				go serveSession(channel, requests)
			}
		case "direct-tcpip":
			go serveDirect(asked)
		default:
			asked.Reject(ssh.UnknownChannelType, "unknown")
		}
	}
}

func serveSession(channel ssh.Channel, requests <-chan *ssh.Request) {
	for request := range requests {
		if request.Type != "exec" {
			request.Reply(false, nil)
			continue
		}
		var asked struct{ Command string }
		check(ssh.Unmarshal(request.Payload, &asked))
		request.Reply(true, nil)
		go run(channel, asked.Command)
	}
}

func run(channel ssh.Channel, command string) {
	child := exec.Command("/bin/sh", "-c", command)
	child.Stdout, child.Stderr = channel, channel.Stderr()
	stdin, err := child.StdinPipe()
	check(err)
	check(child.Start())
	go func() {
		io.Copy(stdin, channel)
		stdin.Close()
	}()
	child.Wait()
	status := struct{ Status uint32 }{uint32(child.ProcessState.ExitCode())}
	channel.SendRequest("exit-status", false, ssh.Marshal(&status))
	channel.CloseWrite()
	channel.Close()
}

func serveDirect(asked ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	check(ssh.Unmarshal(asked.ExtraData(), &to))
	plain, err := net.Dial("tcp", net.JoinHostPort(to.Host, fmt.Sprint(to.Port)))
	if err != nil {
		asked.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := asked.Accept()
	check(err)
	go ssh.DiscardRequests(requests)
	join(channel, plain.(*net.TCPConn))
}

type forward struct {
	Address string
	Port    uint32
}

func serveGlobal(conn *ssh.ServerConn, requests <-chan *ssh.Request) {
	listeners := map[forward]net.Listener{}
	for request := range requests {
		var asked forward
		switch request.Type {
		case "tcpip-forward":
			check(ssh.Unmarshal(request.Payload, &asked))
			listener, err := net.Listen("tcp", loopback(fmt.Sprint(asked.Port)))
			if err == nil {
				listeners[asked] = listener
				go accept(conn, listener, asked)
			}
			request.Reply(err == nil, nil)
		case "cancel-tcpip-forward":
			check(ssh.Unmarshal(request.Payload, &asked))
			if listener := listeners[asked]; listener != nil {
				listener.Close()
			}
			request.Reply(true, nil)
		default:
			request.Reply(false, nil)
		}
	}
	for _, listener := range listeners {
		listener.Close()
	}
}

func accept(conn *ssh.ServerConn, listener net.Listener, asked forward) {
	for {
		plain, err := listener.Accept()
		if err != nil {
			return
		}
		from := plain.RemoteAddr().(*net.TCPAddr)
		data := struct {
			Address    string
			Port       uint32
			OriginHost string
			OriginPort uint32
		}{asked.Address, asked.Port, from.IP.String(), uint32(from.Port)}
		go func() {
			channel, requests, err := conn.OpenChannel("forwarded-tcpip", ssh.Marshal(&data))
			if err != nil {
				plain.Close()
				return
			}
			go ssh.DiscardRequests(requests)
			join(channel, plain.(*net.TCPConn))
		}()
	}
}

func execute(client *ssh.Client, command string) int {
	session, err := client.NewSession()
	check(err)
	session.Stdout, session.Stderr = os.Stdout, os.Stderr
	stdin, err := session.StdinPipe()
	check(err)
	check(session.Start(command))
	go func() {
		io.Copy(stdin, os.Stdin)
		stdin.Close()
	}()
	var ended *ssh.ExitError
	switch err := session.Wait(); {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.ExitStatus()
	default:
		return 255
	}
}

func relay(listener net.Listener, dial func() (net.Conn, error)) {
	for {
		plain, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			far, err := dial()
			if err != nil {
				plain.Close()
				return
			}
			join(plain.(halves), far.(halves))
		}()
	}
}

func hold() int {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func stdio(client *ssh.Client, to string) int {
	far, err := client.Dial("tcp", loopback(to))
	check(err)
	go func() {
		io.Copy(far, os.Stdin)
		far.(halves).CloseWrite()
	}()
	io.Copy(os.Stdout, far)
	return 0
}

func call(port, user, key, hostKey string, rekey uint64, mode string, more []string) int {
	config := &ssh.ClientConfig{
		User:            user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer(key))},
		HostKeyCallback: ssh.FixedHostKey(public(hostKey)),
	}
	config.RekeyThreshold = rekey
	client, err := ssh.Dial("tcp", loopback(port), config)
	check(err)
	switch mode {
	case "exec":
		return execute(client, more[0])
	case "stdio":
		return stdio(client, more[0])
	case "local":
		listener, err := net.Listen("tcp", loopback(more[0]))
		check(err)
		go relay(listener, func() (net.Conn, error) { return client.Dial("tcp", loopback(more[1])) })
	case "remote":
		listener, err := client.Listen("tcp", loopback(more[0]))
		check(err)
		go relay(listener, func() (net.Conn, error) { return net.Dial("tcp", loopback(more[1])) })
		time.Sleep(grace)
	}
	return hold()
}

func main() {
	words := os.Args[1:]
	if words[0] == "server" {
		serve(words[1], words[2], words[3], number(words[4]))
		return
	}
	os.Exit(call(words[1], words[2], words[3], words[4], number(words[5]), words[6], words[7:]))
}
