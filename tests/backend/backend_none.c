/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A shared object that is no backend. */
int backend_none_is_none(void);

int
backend_none_is_none(void)
{
	return 1;
}
