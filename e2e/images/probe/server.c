/* Servers of both families on many ports, in children that end with who asked for them. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* What epoll gives back: the file, and what is to be done with it. */
enum kind { LISTENER, CONNECTION, DATAGRAMS };

#define TAG(kind, fd) ((uint64_t)(kind) << 32 | (uint32_t)(fd))

static bool watch(int events, enum kind kind, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = TAG(kind, fd) };
	return epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Bound to a port on all addresses of both families. */
static int bound(int type, int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, off = 0;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return fd;
}

static bool listen_on(int port, void *with)
{
	int *events = with, listener = bound(SOCK_STREAM, port), datagrams = bound(SOCK_DGRAM, port);
	if (listener < 0 || datagrams < 0 || listen(listener, 4096))
		return fail("cannot listen");
	return watch(*events, LISTENER, listener) && watch(*events, DATAGRAMS, datagrams);
}

static void echo_datagrams(int fd)
{
	static char datagram[65536];
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	ssize_t got;
	while ((got = recvfrom(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &size)) >= 0) {
		sendto(fd, datagram, (size_t)got, 0, (struct sockaddr *)&from, size);
		size = sizeof(from);
	}
}

static void echo_bytes(int fd)
{
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
	if (got > 0)
		send(fd, bytes, (size_t)got, MSG_NOSIGNAL);
	else if (got == 0 || errno != EAGAIN)
		close(fd);
}

static void accept_all(int events, int listener)
{
	int fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		if (!watch(events, CONNECTION, fd))
			close(fd);
}

static void echo_for_ever(int events)
{
	for (;;) {
		struct epoll_event ready[64];
		int count = epoll_wait(events, ready, 64, -1);
		for (int at = 0; at < count; at++) {
			int fd = (int)(uint32_t)ready[at].data.u64;
			switch ((enum kind)(ready[at].data.u64 >> 32)) {
			case LISTENER:
				accept_all(events, fd);
				break;
			case CONNECTION:
				echo_bytes(fd);
				break;
			case DATAGRAMS:
				echo_datagrams(fd);
				break;
			}
		}
	}
}

static int open_ports(const char *ports)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	int events = epoll_create1(EPOLL_CLOEXEC);
	return each_port(ports, listen_on, &events) ? events : -1;
}

bool serve(const char *ports)
{
	int events = open_ports(ports);
	if (events >= 0)
		echo_for_ever(events);
	return false;
}

static bool run_serve(const struct words *words)
{
	int events = open_ports(words->at[0]);
	if (events < 0)
		return false;
	if (fork_bound() == 0)
		echo_for_ever(events);
	close(events);
	return true;
}

/* What a recorder has seen: a bit for each number. */
static struct record {
	uint32_t numbers;
	uint8_t seen[];
} *record;

static bool record_on(int port, void *with)
{
	int *events = with, fd = bound(SOCK_DGRAM, port), size = 8 << 20;
	if (fd < 0)
		return fail("cannot receive");
	/* The receiver may be kept from the processor for a while. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return watch(*events, DATAGRAMS, fd);
}

static void record_for_ever(int events)
{
	for (;;) {
		struct epoll_event ready[64];
		int count = epoll_wait(events, ready, 64, -1);
		for (int at = 0; at < count; at++) {
			uint32_t content;
			while (recv((int)(uint32_t)ready[at].data.u64, &content, sizeof(content), 0) == sizeof(content))
				if (content < record->numbers)
					record->seen[content / 8] |= (uint8_t)(1 << content % 8);
		}
	}
}

/* Receives the datagrams of a sequence on ports, and remembers their numbers. */
static bool run_record(const struct words *words)
{
	long numbers = number(words->at[1]);
	record = shared_memory(sizeof(*record) + (size_t)(numbers + 7) / 8);
	record->numbers = (uint32_t)numbers;
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	int events = epoll_create1(EPOLL_CLOEXEC);
	if (!each_port(words->at[0], record_on, &events))
		return false;
	if (fork_bound() == 0)
		record_for_ever(events);
	return true;
}

/* In hexadecimal, the bits of each byte from the lowest. */
static bool run_recorded(const struct words *words)
{
	(void)words;
	static char text[ANSWER_SIZE];
	size_t bytes = record ? (record->numbers + 7) / 8 : 0;
	if (!bytes || 2 * bytes + 8 > sizeof(text)) {
		answer("error nothing is recorded, or too much for an answer");
		return false;
	}
	for (size_t at = 0; at < bytes; at++) {
		text[2 * at] = "0123456789abcdef"[record->seen[at] >> 4];
		text[2 * at + 1] = "0123456789abcdef"[record->seen[at] & 15];
	}
	text[2 * bytes] = 0;
	answer("ok %s", text);
	return true;
}

const struct command server_commands[] = {
	{ "serve", "PORTS", 1, run_serve },
	{ "record", "PORTS NUMBERS", 2, run_record },
	{ "recorded", "", 0, run_recorded },
	{ 0 },
};
