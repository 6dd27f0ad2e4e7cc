/*
 * A server on a socket that was a client first: binds, is refused a connection, gives that up, and listens on the same descriptor.
 * Then it sends back what comes. Says "listening" in between.
 *
 *   relisten PORT REFUSING_HOST REFUSING_PORT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **words)
{
	struct sockaddr_in own = { .sin_family = AF_INET }, other = { .sin_family = AF_INET };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int server = socket(AF_INET, SOCK_STREAM, 0), client;
	char bytes[64];
	ssize_t length;

	if (count != 4)
		return 2;
	/* Whatever becomes of who started it. */
	alarm(60);
	own.sin_port = htons(atoi(words[1]));
	other.sin_port = htons(atoi(words[3]));
	if (inet_pton(AF_INET, words[2], &other.sin_addr) != 1 || bind(server, (void *)&own, sizeof(own)))
		return 3;
	if (connect(server, (void *)&other, sizeof(other)) == 0)
		return 4;
	if (connect(server, &none, sizeof(none)) || listen(server, 8))
		return 5;
	if (write(1, "listening\n", 10) != 10)
		return 6;
	while ((client = accept(server, 0, 0)) >= 0) {
		while ((length = read(client, bytes, sizeof(bytes))) > 0)
			if (write(client, bytes, length) != length)
				return 7;
		close(client);
	}
	return 8;
}
