/* calls NUMBER COUNT ...: makes each call COUNT times, with arguments that the kernel refuses or that do nothing. */
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>

int main(int count, char **words)
{
	for (int i = 1; i + 1 < count; i += 2) {
		long number = atol(words[i]);

		for (long left = atol(words[i + 1]); left > 0; left--)
			syscall(number, -1L, 0L, 0L, 0L, 0L, 0L);
	}
	return 0;
}
