from tests.app.workstation.test_random_walk import *  # noqa
from tests.app.workstation.test_random_walk import Hand, window, failures
import psutil, gc, time, collections
def test_trace(window, driver, failures):
    hand = Hand(window, 11)
    process = psutil.Process()
    out=open('/tmp/walk2.log','w')
    from PySide6.QtWidgets import QWidget
    from PySide6.QtCore import QObject
    for number in range(5000):
        hand.act(); driver.run(0.005)
        if number % 250 == 0:
            gc.collect()
            print(number, process.memory_info().rss//1000000, len(gc.get_objects()), len(window.findChildren(QObject)), len(window.session._history._done) if hasattr(window.session._history,'_done') else '', file=out, flush=True)
