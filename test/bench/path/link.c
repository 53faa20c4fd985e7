/* A link between two network namespaces with delay, loss and rate, for kernels without netem: two TUN devices and a queue per direction.
 * link NAME_A NAME_B NETNS_FILE_OF_B DELAY_US LOSS_PPM RATE_BIT_PER_S QUEUE_BYTES SEED
 * Ends with its standard input. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 1 << 16, MTU = 2048 };
struct packet { uint64_t due; uint16_t length; unsigned char bytes[MTU]; };
struct way { struct packet *ring; uint32_t head, tail; uint64_t busy; uint64_t queued; };

static uint64_t random_state;
static uint32_t draw(void) {
  random_state ^= random_state << 13; random_state ^= random_state >> 7; random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 32) % 1000000;
}
static uint64_t now(void) {
  struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}
static int tun(const char *name) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request; memset(&request, 0, sizeof request);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) { perror(name); exit(1); }
  return fd;
}

int main(int count, char **arguments) {
  if (count != 9) { fprintf(stderr, "usage: see link.c\n"); return 2; }
  uint64_t delay = strtoull(arguments[4], 0, 10) * 1000, loss = strtoull(arguments[5], 0, 10);
  uint64_t rate = strtoull(arguments[6], 0, 10), limit = strtoull(arguments[7], 0, 10);
  random_state = strtoull(arguments[8], 0, 10) * 0x9e3779b97f4a7c15ull + 1;
  int fds[2]; fds[0] = tun(arguments[1]);
  int space = open(arguments[3], O_RDONLY);
  if (space < 0 || setns(space, CLONE_NEWNET) < 0) { perror(arguments[3]); return 1; }
  fds[1] = tun(arguments[2]);
  struct way ways[2]; memset(ways, 0, sizeof ways);
  for (int i = 0; i < 2; i++) ways[i].ring = malloc(sizeof(struct packet) * SLOTS);
  puts("up"); fflush(stdout);
  for (;;) {
    uint64_t at = now(), next = at + 1000000000ull;
    for (int i = 0; i < 2; i++) {
      struct way *way = &ways[i];
      while (way->head != way->tail) {
        struct packet *packet = &way->ring[way->head % SLOTS];
        if (packet->due > at) { if (packet->due < next) next = packet->due; break; }
        if (write(fds[1 - i], packet->bytes, packet->length) < 0) { /* the device is down: lost, as on any wire */ }
        way->queued -= packet->length; way->head++;
      }
    }
    struct pollfd polled[3] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}, {0, POLLIN | POLLHUP, 0}};
    at = now();
    struct timespec wait = {0, 0};
    if (next > at) { wait.tv_sec = (next - at) / 1000000000ull; wait.tv_nsec = (next - at) % 1000000000ull; }
    ppoll(polled, 3, &wait, 0);
    if (polled[2].revents) { char c; if (read(0, &c, 1) <= 0) return 0; }
    for (int i = 0; i < 2; i++) if (polled[i].revents & POLLIN) for (int burst = 0; burst < 64; burst++) {
      struct way *way = &ways[i];
      unsigned char spill[MTU];
      int full = way->tail - way->head >= SLOTS;
      struct packet *packet = &way->ring[way->tail % SLOTS];
      ssize_t length = read(fds[i], full ? spill : packet->bytes, MTU);
      if (length <= 0) break;
      at = now();
      uint64_t waiting = rate && way->busy > at ? (way->busy - at) * rate / 8000000000ull : 0;
      if (full || (rate && waiting + (uint64_t)length > limit) || (loss && draw() < loss)) continue;
      uint64_t leaves = at > way->busy ? at : way->busy;
      if (rate) leaves += (uint64_t)length * 8000000000ull / rate;
      way->busy = leaves;
      packet->due = leaves + delay; packet->length = (uint16_t)length;
      way->queued += (uint64_t)length; way->tail++;
    }
  }
}
