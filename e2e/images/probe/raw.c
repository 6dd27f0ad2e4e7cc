/*
 * Packets made by hand: IPv6 with extension headers, fragments that cut where no kernel would, port 0.
 * Layouts: RFC 791, RFC 8200 (4.3 - 4.6), RFC 9293 (3.1), RFC 768.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET 2048

struct packet {
	uint8_t bytes[PACKET];
	size_t size;
};

static void put(struct packet *packet, const void *bytes, size_t size)
{
	memcpy(packet->bytes + packet->size, bytes, size);
	packet->size += size;
}

static uint32_t sum(uint32_t so_far, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	for (size_t at = 0; at < size; at++)
		so_far += at % 2 ? bytes[at] : (uint32_t)bytes[at] << 8;
	return so_far;
}

static uint16_t folded(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

struct plan {
	struct endpoint source, destination;
	int family;
	uint8_t protocol;
	uint16_t source_port;
};

static const uint8_t *address_of(const struct endpoint *endpoint)
{
	if (endpoint->address.ss_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)&endpoint->address)->sin_addr;
	return (const uint8_t *)&((const struct sockaddr_in6 *)&endpoint->address)->sin6_addr;
}

static uint16_t port_of(const struct endpoint *endpoint)
{
	if (endpoint->address.ss_family == AF_INET)
		return ((const struct sockaddr_in *)&endpoint->address)->sin_port;
	return ((const struct sockaddr_in6 *)&endpoint->address)->sin6_port;
}

static size_t address_size(const struct plan *plan)
{
	return plan->family == AF_INET ? 4 : 16;
}

/* A SYN, or a datagram that holds number 0 as those of a sequence do. */
static struct packet transport_of(const struct plan *plan)
{
	struct packet segment = { .size = 0 };
	uint16_t ports[2] = { htons(plan->source_port), port_of(&plan->destination) };
	put(&segment, ports, sizeof(ports));
	if (plan->protocol == IPPROTO_TCP) {
		const uint8_t rest[16] = { 0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, 0x02, 0xff, 0xff };
		put(&segment, rest, sizeof(rest));
	} else {
		const uint8_t rest[4 + 4 + 24] = { 0, 8 + 4 + 24 };
		put(&segment, rest, sizeof(rest));
		segment.bytes[5] = (uint8_t)segment.size;
	}
	uint32_t total = sum(0, address_of(&plan->source), address_size(plan));
	total = sum(total, address_of(&plan->destination), address_size(plan)) + plan->protocol + (uint32_t)segment.size;
	uint16_t checksum = folded(sum(total, segment.bytes, segment.size));
	memcpy(segment.bytes + (plan->protocol == IPPROTO_TCP ? 16 : 6), &checksum, 2);
	return segment;
}

/* Sends what an IP header of its own is to be put before. `fragment`: offset in bytes, and whether more follow. */
static bool send_four(int fd, const struct plan *plan, const struct packet *payload, size_t offset, bool more)
{
	struct packet packet = { .size = 0 };
	uint16_t length = htons((uint16_t)(20 + payload->size)), place = htons((uint16_t)(offset / 8 | (more ? 0x2000 : 0)));
	const uint8_t head[20] = { 0x45, 0, 0, 0, 0x70, 0x63, 0, 0, 64, plan->protocol };
	put(&packet, head, sizeof(head));
	memcpy(packet.bytes + 2, &length, 2);
	memcpy(packet.bytes + 6, &place, 2);
	memcpy(packet.bytes + 12, address_of(&plan->source), 4);
	memcpy(packet.bytes + 16, address_of(&plan->destination), 4);
	put(&packet, payload->bytes, payload->size);
	return sendto(fd, packet.bytes, packet.size, 0, (const struct sockaddr *)&plan->destination.address,
		      plan->destination.size) >= 0;
}

/* `next`: what the payload begins with. */
static bool send_six(int fd, const struct plan *plan, const struct packet *payload, uint8_t next)
{
	struct packet packet = { .size = 0 };
	const uint8_t head[8] = { 0x60, 0, 0, 0, (uint8_t)(payload->size >> 8), (uint8_t)payload->size, next, 64 };
	put(&packet, head, sizeof(head));
	put(&packet, address_of(&plan->source), 16);
	put(&packet, address_of(&plan->destination), 16);
	put(&packet, payload->bytes, payload->size);
	struct sockaddr_in6 to = *(const struct sockaddr_in6 *)&plan->destination.address;
	/* The kernel takes the port of a raw socket for a protocol. */
	to.sin6_port = 0;
	return sendto(fd, packet.bytes, packet.size, 0, (struct sockaddr *)&to, sizeof(to)) >= 0;
}

struct header {
	const char *name;
	uint8_t type;
	uint8_t size;
	/* Next header and length in units of 8 beyond the first come first; then options. */
	uint8_t bytes[16];
};

static const struct header headers[] = {
	{ "hop", IPPROTO_HOPOPTS, 8, { 0, 0, 1, 4 } },
	/* An option for experiments, to be skipped by who does not know it (RFC 4727). Linux takes no more than 7 bytes of padding. */
	{ "destination", IPPROTO_DSTOPTS, 16, { 0, 1, 0x1e, 12 } },
	/* A whole datagram in one fragment. */
	{ "atomic", IPPROTO_FRAGMENT, 8, { 0, 0, 0, 0, 0, 0, 0, 7 } },
	{ 0 },
};

/* Puts extension headers, comma-separated, before the payload. Gives back the first one's type, 255 for an unknown one. */
static uint8_t extend(const char *names, uint8_t protocol, struct packet *payload)
{
	struct packet extended = { .size = 0 };
	uint8_t first = protocol, *next = &first;
	char *text = strdup(names), *rest;
	for (char *name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		const struct header *header = headers;
		while (header->name && strcmp(header->name, name))
			header++;
		if (!header->name)
			return 255;
		*next = header->type;
		next = extended.bytes + extended.size;
		put(&extended, header->bytes, header->size);
	}
	*next = protocol;
	free(text);
	put(&extended, payload->bytes, payload->size);
	*payload = extended;
	return first;
}

/* Two fragments, cut after `cut` bytes of the transport header. */
static bool send_in_two(int fd, const struct plan *plan, const struct packet *whole, size_t cut)
{
	struct packet parts[2] = { { .size = 0 }, { .size = 0 } };
	for (int at = 0; at < 2; at++) {
		if (plan->family == AF_INET6) {
			uint16_t place = htons((uint16_t)(at == 0 ? 1 : cut));
			const uint8_t head[8] = { plan->protocol, 0, 0, 0, 0, 0, 0x70, 0x63 };
			put(&parts[at], head, sizeof(head));
			memcpy(parts[at].bytes + 2, &place, 2);
		}
		put(&parts[at], whole->bytes + (at == 0 ? 0 : cut), at == 0 ? cut : whole->size - cut);
		bool sent = plan->family == AF_INET ? send_four(fd, plan, &parts[at], at == 0 ? 0 : cut, at == 0)
						    : send_six(fd, plan, &parts[at], IPPROTO_FRAGMENT);
		if (!sent)
			return false;
	}
	return true;
}

/* Which segment comes back from the port: a SYN with ACK, a reset, or nothing in time. */
static const char *segment_back(int listener, const struct plan *plan, int milliseconds)
{
	uint64_t end = now_ns() + (uint64_t)milliseconds * 1000000;
	for (;;) {
		int64_t left = (int64_t)(end - now_ns()) / 1000000;
		struct pollfd wait = { .fd = listener, .events = POLLIN };
		if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
			return "nothing";
		uint8_t bytes[PACKET];
		ssize_t size = recv(listener, bytes, sizeof(bytes), 0);
		size_t head = plan->family == AF_INET ? (size_t)(bytes[0] & 15) * 4 : 0;
		if (size < (ssize_t)head + 20)
			continue;
		const uint8_t *segment = bytes + head;
		uint16_t wanted = htons(plan->source_port), from = port_of(&plan->destination);
		if (memcmp(segment + 2, &wanted, 2) || memcmp(segment, &from, 2))
			continue;
		return (segment[13] & 0x12) == 0x12 ? "synack" : segment[13] & 0x04 ? "reset" : "other";
	}
}

static bool make_plan(const struct words *words, struct plan *plan)
{
	static uint16_t next_port;
	if (!next_port)
		next_port = (uint16_t)(20000 + getpid() % 9000);
	plan->protocol = !strcmp(words->at[0], "tcp") ? IPPROTO_TCP : IPPROTO_UDP;
	plan->source_port = next_port++;
	if (!parse_endpoint(words->at[1], "0", &plan->source) ||
	    !parse_endpoint(words->at[2], words->at[3], &plan->destination))
		return false;
	plan->family = plan->destination.address.ss_family;
	return true;
}

/*
 * HEADERS: `-` for none, extension headers, or `cut:BYTES` for two fragments. For tcp the answer says what came back; for
 * udp the receiver knows whether it came.
 */
static bool run_raw(const struct words *words)
{
	struct plan plan;
	if (!make_plan(words, &plan))
		return false;
	const char *form = words->at[4];
	struct packet segment = transport_of(&plan);
	int fd = socket(plan.family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	int listener = socket(plan.family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0 || listener < 0)
		return fail("no raw socket");
	bool sent;
	if (!strncmp(form, "cut:", 4)) {
		sent = send_in_two(fd, &plan, &segment, (size_t)number(form + 4));
	} else if (plan.family == AF_INET) {
		sent = send_four(fd, &plan, &segment, 0, false);
	} else {
		uint8_t next = extend(strcmp(form, "-") ? form : "", plan.protocol, &segment);
		sent = send_six(fd, &plan, &segment, next);
	}
	int error = errno;
	if (!sent)
		answer("ok %s", error == EPERM ? "denied" : strerrorname_np(error));
	else
		answer("ok %s", plan.protocol == IPPROTO_TCP ? segment_back(listener, &plan, (int)number(words->at[5])) : "sent");
	close(fd);
	close(listener);
	return true;
}

const struct command raw_commands[] = {
	{ "raw", "tcp|udp SOURCE DESTINATION PORT HEADERS MILLISECONDS", 6, run_raw },
	{ 0 },
};
