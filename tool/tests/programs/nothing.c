// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Does nothing, and succeeds. */
int main(void)
{
	return 0;
}
