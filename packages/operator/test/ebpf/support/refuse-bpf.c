/*
 * Runs a program for which bpf(2) fails: refuse-bpf ERROR[:COMMAND] program arguments...
 * ERROR is EPERM, ENOSYS, ENOMEM or ENOSPC; COMMAND is MAP_CREATE or OBJ_PIN, and without it all commands fail.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const struct {
	const char *name;
	unsigned int number;
} errors[] = { { "EPERM", EPERM }, { "ENOSYS", ENOSYS }, { "ENOMEM", ENOMEM }, { "ENOSPC", ENOSPC } },
  commands[] = { { "MAP_CREATE", BPF_MAP_CREATE }, { "OBJ_PIN", BPF_OBJ_PIN } };

#define FIND(table, wanted, found)                                                                                     \
	for (size_t at = 0; at < sizeof(table) / sizeof(*table); at++)                                                 \
		if (strcmp(table[at].name, wanted) == 0)                                                               \
			found = table[at].number;

int main(int argc, char **argv)
{
	unsigned int error = 0, command = ~0u;
	char *colon;

	if (argc < 3)
		return 2;
	colon = strchr(argv[1], ':');
	if (colon)
		*colon = 0;
	FIND(errors, argv[1], error);
	if (colon)
		FIND(commands, colon + 1, command);
	if (!error || (colon && command == ~0u))
		return 2;

	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bpf, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		/* Of all commands, or of this one. */
		BPF_JUMP(BPF_JMP | (colon ? BPF_JEQ : BPF_JGE) | BPF_K, colon ? command : 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("seccomp");
		return 1;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
