using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>How requests come in, find a connection, lose it, and end.</content>
public sealed partial class NbdSession
{
    private const string LostText = "the connection broke after writes that no FLUSH had covered: they may be lost";

    private readonly RequestInbox _inbox;
    private int _endedCount;

    /// <summary>
    /// Takes a request; it is sent at the end of this turn of the loop, or when there is a connection, which may be long after <see cref="Start"/>. Its handler
    /// is called once, never from inside this call.
    /// </summary>
    /// <param name="request">The request; its memory is left alone until it ends.</param>
    /// <exception cref="ArgumentException">Its memory does not fit its length, or its length the wire. Where no connection is ready it ends with EINVAL
    /// instead.</exception>
    /// <exception cref="InvalidOperationException">It is still in flight.</exception>
    public void Submit(ClientRequest request)
    {
        using CallScope scope = CallWatch.Enter(Options.Watch, "NbdSession.Submit");
        if (request.IsSubmitted)
        {
            throw new InvalidOperationException("the request is still in flight; submit it again only after its completion");
        }

        SessionJob job = Begin(request);
        SessionLink? link = _phase == Phase.Running ? Choose() : null;
        if (link is not null)
        {
            SubmitOrThrow(job, link);
        }
        else if (_phase <= Phase.Running)
        {
            _waiting.Enqueue(job);
        }
        else
        {
            EndLater(job, Errno.ESHUTDOWN);
        }
    }

    /// <summary>Hands a request over from another thread; like <see cref="Submit"/>, but what it cannot take ends with EINVAL.</summary>
    /// <param name="request">The request; its handler is called on the loop's thread.</param>
    /// <exception cref="InvalidOperationException">It is still in flight, as far as this thread can see.</exception>
    public void SubmitFromAnyThread(ClientRequest request)
    {
        using CallScope scope = CallWatch.Enter(Options.Watch, "NbdSession.SubmitFromAnyThread");
        _inbox.Push(request);
    }

    /// <summary>Tells of requests that ended without having been sent.</summary>
    void ITurnEndHandler.OnTurnEnd()
    {
        // Only those that are here now: a handler that submits again at once must not hold the turn.
        JobQueue ended = _ended;
        _ended = default;
        _endedCount = 0;
        while (ended.TryDequeue(out SessionJob job))
        {
            job.Request.CompletedNs = Loop.NowNs;
            if (job.Text is { } text)
            {
                job.Request.Chunks?.OnError(job.Request, job.Error, null, text);
            }

            Finish(job, job.Error);
        }

        Close();
    }

    /// <summary>A request was answered.</summary>
    internal void Answered(SessionJob job, int error)
    {
        if (error == 0 && job.Request.Command == NbdCommand.Flush)
        {
            Durability.Flushed(job.Covers);
        }
        else if (error == 0 && job.IsChange && (job.Request.Flags & NbdCommandFlags.Fua) == 0)
        {
            Durability.Changed();
        }

        Finish(job, error);
    }

    /// <summary>A request lost its connection before its answer.</summary>
    internal void Interrupted(SessionJob job, int error)
    {
        if (WhyNotAgain(job, ref error) is { } reason)
        {
            job.Request.Chunks?.OnError(job.Request, error, null, reason);
            Finish(job, error);
            return;
        }

        job.Reissues++;
        Volatile.Write(ref _reissued, _reissued + 1);
        job.Request.Chunks?.OnReissued(job.Request);
        _waiting.Enqueue(job);

        // Another connection may be ready.
        SendWaiting();
    }

    private string? WhyNotAgain(SessionJob job, ref int error)
    {
        string command = job.Request.Command.Text();
        if (IsEnding)
        {
            return $"the connection ended before {command} was answered, and the session is over";
        }

        if (job.Request.Command == NbdCommand.Flush && Durability.HasLost)
        {
            Durability.Told();
            error = Errno.EIO;
            return LostText;
        }

        if (job.IsChange && !Options.ReissueChanges)
        {
            return $"the connection ended before {command} was answered: it may have been done or not";
        }

        return job.Reissues >= Options.MaxReissues ? $"{job.Reissues + 1} times the connection ended before {command} was answered" : null;
    }

    private SessionJob Begin(ClientRequest request)
    {
        SessionJob job = _spare.TryPop(out SessionJob? spare) ? spare : new SessionJob(this);
        job.Take(request);
        request.IsSubmitted = true;
        request.SubmittedNs = Loop.NowNs;
        request.IssuedNs = 0;
        Outstanding++;
        return job;
    }

    private void SubmitOrThrow(SessionJob job, SessionLink link)
    {
        try
        {
            Send(job, link);
        }
        catch (ArgumentException)
        {
            job.Leave().IsSubmitted = false;
            Outstanding--;
            _spare.Push(job);
            throw;
        }
    }

    private void Send(SessionJob job, SessionLink link)
    {
        if (job.Request.Command == NbdCommand.Flush && Durability.HasLost)
        {
            Durability.Told();
            EndLater(job, Errno.EIO, LostText);
            return;
        }

        job.Submit(link);
    }

    /// <summary>The ready connection with the fewest requests, in turn among equals; null where none is ready.</summary>
    private SessionLink? Choose()
    {
        SessionLink? best = null;
        for (int i = 0; i < _used; i++)
        {
            SessionLink link = _links[(_next + i) % _used];
            if (link.IsReady && (best is null || link.Outstanding < best.Outstanding))
            {
                best = link;
            }
        }

        _next = (_next + 1) % _used;
        return best;
    }

    private void SendWaiting()
    {
        while (_waiting.Head is not null && Choose() is { } link)
        {
            _waiting.TryDequeue(out SessionJob job);
            try
            {
                Send(job, link);
            }
            catch (ArgumentException)
            {
                EndLater(job, Errno.EINVAL);
            }
        }
    }

    private void TakePosted(ClientRequest request)
    {
        try
        {
            Submit(request);
        }
        catch (ArgumentException)
        {
            request.Handler.OnCompleted(request, Errno.EINVAL);
        }
    }

    private void EndLater(SessionJob job, int error, string? text = null)
    {
        job.Error = error;
        job.Text = text;
        _endedCount++;
        if (_ended.Head is null)
        {
            Loop.AtTurnEnd(this);
        }

        _ended.Enqueue(job);
    }

    private void Finish(SessionJob job, int error)
    {
        ClientRequest request = job.Leave();
        _spare.Push(job);
        Outstanding--;
        request.IsSubmitted = false;
        request.Handler.OnCompleted(request, error);
    }
}
