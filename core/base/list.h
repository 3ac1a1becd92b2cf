/* SPDX-License-Identifier: Apache-2.0 */
/* base/list.h -- doubly linked rings that are embedded in what they link.
 * Called by: everything that keeps sets of live objects.  Never: allocates. */
#ifndef GATEHOUSE_BASE_LIST_H
#define GATEHOUSE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A ring's head or a member.  All zero is "not in a list". */
struct list {
	struct list *next, *prev;
};

#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* Walks from first to last; the body must not remove members, except with _safe
 * the one it stands on. */
#define list_each(pos, head) for (struct list *pos = (head)->next; pos != (head); pos = pos->next)
#define list_each_safe(pos, head)                                                                  \
	for (struct list *pos = (head)->next, *pos##_next = pos->next; pos != (head);              \
	     pos = pos##_next, pos##_next = pos->next)

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* Whether a member is in a ring now. */
static inline bool list_linked(const struct list *l)
{
	return l->next != NULL;
}

static inline void list_insert(struct list *l, struct list *before, struct list *after)
{
	l->prev = before;
	l->next = after;
	before->next = l;
	after->prev = l;
}

static inline void list_push(struct list *head, struct list *l)
{
	list_insert(l, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *l)
{
	list_insert(l, head, head->next);
}

/* Out of its ring, and marked as such; nothing when it is in none. */
static inline void list_remove(struct list *l)
{
	if (!l->next)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = NULL;
}

#endif
