#define _GNU_SOURCE
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool parse_endpoint(const char *address, const char *port, struct endpoint *endpoint)
{
	memset(endpoint, 0, sizeof(*endpoint));
	struct sockaddr_in *four = (struct sockaddr_in *)&endpoint->address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&endpoint->address;
	uint16_t network_port = htons((uint16_t)number(port));
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = network_port;
		endpoint->size = sizeof(*four);
		return true;
	}
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	snprintf(text, sizeof(text), "%s", address);
	char *scope = strchr(text, '%');
	if (scope) {
		*scope++ = 0;
		six->sin6_scope_id = if_nametoindex(scope);
	}
	if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1) {
		answer("error %s is no address", address);
		return false;
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = network_port;
	endpoint->size = sizeof(*six);
	return true;
}

bool each_port(const char *ports, bool (*each)(int port, void *with), void *with)
{
	char *text = strdup(ports), *rest;
	bool done = true;
	for (char *range = strtok_r(text, ",", &rest); range && done; range = strtok_r(NULL, ",", &rest)) {
		char *dash = strchr(range, '-');
		if (dash)
			*dash++ = 0;
		long first = number(range), last = dash ? number(dash) : first;
		for (long port = first; port <= last && done; port++)
			done = each((int)port, with);
	}
	free(text);
	return done;
}

int start_connect(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->size) && errno != EINPROGRESS) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int finish_connect(int fd, int milliseconds)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	if (poll(&wait, 1, milliseconds) <= 0)
		return ETIMEDOUT;
	int error = 0;
	socklen_t size = sizeof(error);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

uint64_t syns_sent(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	return 1 + info.tcpi_total_retrans;
}

void drop(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
