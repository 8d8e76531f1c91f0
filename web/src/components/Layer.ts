import { createContext } from 'react';

/**
 * The modal dialog around, if there is one. Menus and panels are drawn into it: whatever is outside of an open one is
 * painted below it, and takes no press.
 */
export const Layer = createContext<HTMLElement | null>(null);
