import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from '@/app/App';
import { refuseStrayDrops } from '@/files/strays';
import './index.css';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
refuseStrayDrops();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
